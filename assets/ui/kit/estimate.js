// Time and memory before the start: one sentence, and a button that measures a few steps where nothing is known. Its functions
// on the server are those of studio/ui/kit/trials.py.
import { button, make, put } from "./dom.js";

/** @typedef {Record<string, (asked?: object) => Promise<unknown>>} Server */
/** @typedef {{ said?: string, measure?: boolean, run?: string, problem?: string }} Answer */

const SOON_MS = 400, LOOK_MS = 1000;

export class Estimate {
  asked = 0; // the newest question; an older answer is not shown
  run = "";

  /**
   * @param {HTMLElement} box
   * @param {Server} server
   * @param {() => object} form what it holds now
   */
  constructor(box, server, form) {
    this.server = server;
    this.form = form;
    this.line = make("p", "line hint");
    this.button = button("tool", "Measure it");
    this.button.hidden = true;
    this.line.setAttribute("role", "status");
    box.replaceChildren(this.line, this.button);
    this.button.addEventListener("click", () => void this.measure());
  }

  /** Something in the form is another than before. */
  changed() {
    const mine = ++this.asked;
    setTimeout(() => {
      if (mine === this.asked && !this.run) void this.look();
    }, SOON_MS);
  }

  async look() {
    const mine = this.asked, answer = await this.ask("price", this.form());
    if (mine === this.asked && !this.run) this.show(answer);
  }

  async measure() {
    this.button.hidden = true;
    let answer = await this.ask("measure", this.form());
    while (answer.run) {
      this.run = answer.run;
      this.show(answer);
      await new Promise((done) => setTimeout(done, LOOK_MS));
      answer = await this.ask("measured", { run: this.run, form: this.form() });
    }
    this.run = "";
    this.show(answer);
  }

  /**
   * @param {string} what
   * @param {object} asked
   */
  async ask(what, asked) {
    try {
      return /** @type {Answer} */ (await this.server[what](asked));
    } catch {
      return /** @type {Answer} */ ({ problem: "The server did not answer; is the studio still running?" });
    }
  }

  /** @param {Answer} answer */
  show(answer) {
    this.line.classList.toggle("problem", Boolean(answer.problem));
    put(this.line, answer.problem ?? answer.said ?? "");
    this.button.hidden = !answer.measure;
  }
}
