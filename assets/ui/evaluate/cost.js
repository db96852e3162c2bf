// What a start will cost, in network evaluations. Hears "evaluate-looked" with the server's answer.
import { put } from "../kit/dom.js";
import { Part } from "../kit/part.js";

/** @extends {Part<string>} */
class Cost extends Part {
  /** @param {import("../kit/part.js").Host<string>} host */
  constructor(host) {
    super(host);
    this.hear("evaluate-looked", (/** @type {{ cost?: string, why?: string }} */ { cost = "", why = "" }) => {
      const line = this.$(".ev-cost");
      put(line, cost);
      line.title = why;
    });
  }
}

/** @param {import("../kit/part.js").Host<string>} host */
export const mount = (host) => void new Cost(host);
