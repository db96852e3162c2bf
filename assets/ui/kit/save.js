// What can be saved of a result, in the same words everywhere: a picture of it, its table, and all of it. The picture is drawn
// here, the files are written by the server (studio/ui/kit/exports.py).
import { at, button, make, put } from "./dom.js";
import { saveDrawing } from "./drawing.js";
import { download, fileName } from "./files.js";

/** @typedef {{ text?: string, problem?: string }} Made */
/** @typedef {(wish: object) => Promise<unknown>} Server */
/**
 * @typedef {object} Result
 * @property {string} name of the files, without an ending; "" while there is nothing to save
 * @property {string} [part] which part of it the picture shows
 * @property {object} wish what names it to the server
 * @property {() => Promise<Blob | null>} picture null where nothing is drawn yet
 * @property {() => Promise<import("./drawing.js").Drawing | null>} [plot] where it has one of its own beside the picture
 */

/** @type {Record<string, [words: string, type: string, title: string]>} */
const KINDS = {
  svg: ["Plot as SVG", "image/svg+xml", "The plot as a drawing, which other programs open and change"],
  plot: ["Plot as PNG", "image/png", "A picture of the plot"],
  png: ["PNG", "image/png", "A picture of what is shown"],
  csv: ["CSV", "text/csv", "The figures, with the ends of their intervals as columns"],
  json: ["JSON", "application/json", "The request, which repeats it, and the whole result"],
  html: ["Report", "text/html", "All of it as one page that opens offline"],
  yaml: ["YAML", "application/yaml", "An experiment file: dropped on the page it fills the form, and jobs run takes it"],
};

/** Of a result without a plot of its own; the two of one that has it; and of one whose picture is the plot. */
export const PLAIN = ["png", "csv", "json", "yaml"], PLOTS = ["svg", "plot"];

export class SaveBar {
  /**
   * @param {HTMLElement} box an empty element
   * @param {Server} server the component's `save_as`
   * @param {() => Result} result what there is to save now
   * @param {string[]} kinds of files
   */
  constructor(box, server, result, kinds = PLAIN) {
    this.box = box;
    this.server = server;
    this.result = result;
    this.said = make("span", "save-said");
    this.said.setAttribute("role", "status");
    box.classList.add("save-bar");
    box.append(make("span", "", "Save"), ...kinds.map((kind) =>
      Object.assign(button("", KINDS[kind][0], { save: kind }), { title: KINDS[kind][2] })), this.said);
    box.addEventListener("click", (event) => {
      const pressed = at(event, "[data-save]");
      if (pressed instanceof HTMLButtonElement) void this.save(pressed);
    });
    this.draw();
  }

  /** Shows itself where there is something to save. */
  draw() {
    this.box.hidden = !this.result().name;
    if (this.box.hidden) put(this.said, "");
  }

  /** @param {HTMLButtonElement} pressed */
  async save(pressed) {
    const kind = pressed.dataset.save ?? "", [, type] = KINDS[kind], { name, part, wish, picture, plot } = this.result();
    pressed.disabled = true;
    put(this.said, "");
    try {
      if (PLOTS.includes(kind)) return await this.drawn(kind === "svg" ? "svg" : "png", `${name}-plot`, plot);
      const made = kind === "png" ? await picture() : await this.written(kind, type, wish);
      if (made) download(made, `${fileName(kind === "png" && part ? `${name}-${part}` : name)}.${kind}`);
      else put(this.said, "There is no picture yet.");
    } catch (error) {
      put(this.said, error instanceof Error ? error.message : "The server did not answer; is the studio still running?");
    } finally {
      pressed.disabled = false;
    }
  }

  /**
   * @param {string} kind
   * @param {string} name
   * @param {Result["plot"]} plot
   */
  async drawn(kind, name, plot) {
    const drawing = await plot?.();
    if (drawing) await saveDrawing(drawing, kind, name);
    else put(this.said, "There is no plot yet.");
  }

  /**
   * @param {string} kind
   * @param {string} type
   * @param {object} wish
   */
  async written(kind, type, wish) {
    const made = /** @type {Made} */ (await this.server({ ...wish, what: kind }));
    if (made.text === undefined) throw new Error(made.problem ?? "The server could not write this file.");
    return new Blob([made.text], { type });
  }
}
