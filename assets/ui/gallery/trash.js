// What was deleted: a bar that takes the last one back, and the list of what lies in the trash.
import { button, find, make, put } from "../kit/dom.js";

/** @typedef {{ id: string, title: string, kind_title: string, left: string }} Thrown */
/** @typedef {(what: string, asked: object) => Promise<any>} Call null where something is wrong, which is said */

const UNDO_MS = 20_000;

export class Trash {
  run = ""; // which the bar takes back
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer = undefined; // after which the bar goes

  /**
   * @param {HTMLElement} bar
   * @param {HTMLDetailsElement} box
   * @param {Call} call
   * @param {(run: string) => Promise<void>} changed after a run was taken back, or "" after all were removed
   */
  constructor(bar, box, call, changed) {
    this.bar = bar;
    this.box = box;
    this.call = call;
    this.changed = changed;
    box.addEventListener("toggle", () => this.list());
  }

  /**
   * @param {string} run
   * @param {string} text
   */
  offer(run, text) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.bar.hidden = true), UNDO_MS);
    this.run = run;
    put(find("span", this.bar), text);
    this.bar.hidden = false;
  }

  /** @param {string} [run] the one of the bar where none is named */
  async restore(run = this.run) {
    this.bar.hidden = true;
    if (!(await this.call("restore", { run }))) return;
    await this.changed(run);
    this.list();
  }

  /**
   * @param {number} n
   * @param {number} days
   */
  say(n, days) {
    this.box.hidden = !n;
    put(find("summary", this.box), `${n} deleted run${n === 1 ? "" : "s"} in the trash, each removed after ${days} days`);
    if (n && this.box.open) this.list();
  }

  /** @param {boolean} [empty] whether to remove all of them first */
  async list(empty = false) {
    if (!this.box.open) return;
    const found = await this.call("trash", { empty });
    if (!found) return;
    find("ul", this.box).replaceChildren(...found.runs.map((/** @type {Thrown} */ one) => {
      const row = make("li"), about = make("small", "", `${one.kind_title} · ${one.left} left`);
      row.append(make("b", "", one.title), about, button("tool g-back", "Take back", { run: one.id }));
      return row;
    }));
    if (!empty) return;
    this.bar.hidden = true;
    void this.changed("");
  }
}
