// Strips of a training over its steps: a grid of pictures and a slider below it that goes back. Stands in a `.p-strips` section.
import { file, find, put, rebuild } from "./dom.js";
import { cut, placeIn } from "./strip.js";

/** @typedef {import("./strip.js").Strips} Strips */

export class StripWall {
  /** @type {Strips | null} */
  strips = null;
  /** @type {number | null} */
  step = null; // of the pictures; null follows the newest
  run = "";

  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
    this.grid = find(".p-grid", box);
    this.range = find(".p-time input", box, HTMLInputElement);
    this.range.addEventListener("input", () => {
      const steps = this.strips?.steps ?? [], at = Number(this.range.value);
      this.step = at >= steps.length - 1 ? null : steps[at].step;
      this.place();
    });
  }

  /** The step that is shown; only where there are strips. */
  get shown() {
    const steps = this.strips?.steps ?? [];
    return steps.findLast((one) => this.step === null || one.step <= this.step) ?? steps[0];
  }

  /**
   * @param {string} run
   * @param {Strips | null} strips
   * @param {boolean} live
   */
  draw(run, strips, live) {
    if (run !== this.run) this.step = null;
    this.run = run;
    this.strips = strips;
    const wait = find(".p-strip-wait", this.box), note = find(".p-grid-note", this.box);
    wait.hidden = Boolean(strips);
    note.hidden = !strips;
    if (!live && !strips) put(wait, "This run drew no pictures.");
    find(".p-time", this.box).hidden = !strips || strips.steps.length < 2;
    if (!strips) {
      rebuild(this.grid, "", () => []);
      return;
    }
    const { rows, columns, seeds, prompts } = strips;
    this.grid.style.setProperty("--n", String(seeds.length * columns.length));
    rebuild(this.grid, JSON.stringify([run, rows, columns, seeds, prompts]), () => cut(strips));
    this.range.max = String(strips.steps.length - 1);
    this.place();
  }

  /** Pictures of the step that is shown. */
  place() {
    const { strips, grid, run } = this;
    if (!strips) return;
    const shown = this.shown, source = file(run, shown.strip);
    this.range.value = String(strips.steps.indexOf(shown));
    put(find(".p-time output", this.box), `step ${shown.step.toLocaleString("en")}`);
    if (grid.dataset.source === source) return;
    grid.dataset.source = source;
    const next = new Image();
    next.onload = () => {
      if (grid.dataset.source !== source) return;
      grid.style.setProperty("--strip", `url("${next.src}")`);
      grid.dataset.step = String(shown.step);
      placeIn(grid, strips);
    };
    next.src = source;
  }
}
