// Simple forms: prompt, pair, seeds and Run alone. Everything else stays in the page, out of sight, and keeps its value.
import { at, attr, find } from "./dom.js";
import { Part, tell } from "./part.js";
import { keep, kept } from "./storage.js";

const NAME = "simple";

let on = kept(NAME) === "on";

/** As it was left. A form may be there before the page's own script, or after it. */
export const asLeft = () => void document.body.classList.toggle(NAME, on);

/** @param {import("./part.js").Host<null>} host */
export function mount(host) {
  const part = new Part(host);
  const draw = () => {
    asLeft();
    attr(find(".simple-switch", part.element), "aria-checked", on);
  };
  part.on("click", (event) => {
    if (!at(event, ".simple-switch")) return;
    on = !on;
    keep(NAME, on ? "on" : "");
    tell("studio:simple");
  });
  part.hear("studio:simple", draw);
  part.follow(draw);
}
