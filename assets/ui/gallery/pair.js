// The two runs that are chosen, and the drawer in which they stand side by side.
import { find, put } from "../kit/dom.js";
import { Drawer } from "../kit/drawer.js";
import { choose } from "./asked.js";
import { drawn } from "./beside.js";

export class Pair {
  /** @type {string[]} */
  runs = [];

  /**
   * @param {HTMLElement} box says which are chosen
   * @param {Element} dialog
   * @param {import("./trash.js").Call} call
   * @param {(run: string) => string} named a run, as it is called
   */
  constructor(box, dialog, call, named) {
    this.box = box;
    this.dialog = dialog;
    this.call = call;
    this.named = named;
    this.drawer = new Drawer(dialog, "", () => {
      if (document.activeElement === document.body) find(".g-find", document).focus(); // the card was drawn anew meanwhile
    });
  }

  /**
   * @param {string} run "" chooses none
   * @returns {string[]} runs that are chosen now or were before
   */
  choose(run) {
    const before = this.runs;
    this.runs = run ? choose(before, run) : [];
    this.say();
    return [...new Set([...before, ...this.runs])];
  }

  say() {
    const names = this.runs.map((run) => this.named(run));
    this.box.hidden = !names.length;
    const said = names.length === 2 ? `${names[0]} and ${names[1]}` : `${names[0]}, and one more to set beside it`;
    put(find("span", this.box), said);
    find(".g-hold", this.box, HTMLButtonElement).disabled = names.length < 2;
  }

  async show() {
    const [a, b] = this.runs;
    if (!b) return;
    const found = await this.call("beside", { a, b });
    if (!found) return;
    find(".g-two", this.dialog).replaceChildren(...drawn(found));
    this.drawer.open();
  }
}
