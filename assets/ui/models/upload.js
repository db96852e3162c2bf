// A file on its way to the studio: dropped or chosen, looked at before it is sent, with how far it is.
import { attr, find, put } from "../kit/dom.js";

/** @typedef {{ place?: string, problem?: string }} Answer */
/**
 * @typedef {object} Use
 * @property {(place: string) => void} came
 * @property {(problem: string) => void} wrong
 */

const ADDRESS = "upload/weights";
const UNITS = ["B", "KB", "MB", "GB"];

/** @param {number} bytes */
export function sized(bytes) {
  let n = bytes, unit = 0;
  while (n >= 1000 && unit < UNITS.length - 1) [n, unit] = [n / 1000, unit + 1];
  return `${unit && n < 100 ? n.toFixed(1) : Math.round(n)} ${UNITS[unit]}`;
}

/**
 * @param {number} done
 * @param {number} total
 * @param {number} seconds since it began
 */
export function said(done, total, seconds) {
  const rate = seconds > 0.5 ? done / seconds : 0, left = rate ? Math.ceil((total - done) / rate) : 0;
  const rest = left > 90 ? `, ${Math.round(left / 60)} min left` : left > 0 ? `, ${left} s left` : "";
  return `${sized(done)} of ${sized(total)}${rest}`;
}

/**
 * Why a file cannot be one of ours, by its name and its first bytes; "" where it can.
 * @param {string} name
 * @param {Uint8Array} start
 */
export function unfit(name, start) {
  if (!name.endsWith(".safetensors")) return `${name} is no .safetensors file, which would fit.`;
  return start[8] === 0x7b ? "" : `${name} does not begin as a safetensors file does; another copy of it would fit.`;
}

export class Upload {
  /** @type {XMLHttpRequest | null} */
  sending = null;

  /**
   * @param {HTMLElement} box
   * @param {Use} use
   */
  constructor(box, use) {
    this.box = box;
    this.use = use;
    this.input = find("input", box, HTMLInputElement);
    this.input.addEventListener("change", () => {
      if (this.input.files?.length) void this.take([...this.input.files]);
      this.input.value = "";
    });
    for (const name of ["dragover", "dragleave", "drop"]) box.addEventListener(name, (event) => this.dragged(event));
    find(".m-stop", box).addEventListener("click", () => this.sending?.abort());
    this.show("");
  }

  /** @param {Event} event */
  dragged(event) {
    event.preventDefault();
    this.box.classList.toggle("over", event.type === "dragover");
    if (event.type === "drop" && event instanceof DragEvent) void this.take([...(event.dataTransfer?.files ?? [])]);
  }

  /** @param {File[]} files */
  async take(files) {
    if (this.sending) return this.use.wrong("A file is on its way; the next one can come after it.");
    if (files.length !== 1) return this.use.wrong("One file at a time can come; a folder is given by its path.");
    const file = files[0], start = new Uint8Array(await file.slice(0, 16).arrayBuffer().catch(() => new ArrayBuffer(0)));
    const problem = unfit(file.name, start) || (await this.ask(file)).problem;
    this.use.wrong(problem ?? "");
    if (!problem) this.send(file);
  }

  /**
   * Whether it may come, before anything of it is sent.
   * @param {File} file
   * @returns {Promise<Answer>}
   */
  ask(file) {
    const asked = fetch(`${ADDRESS}?name=${encodeURIComponent(file.name)}&size=${file.size}`);
    return asked.then((answer) => answer.json()).catch(() => ({ problem: "The studio does not answer; try again." }));
  }

  /** @param {File} file */
  send(file) {
    const request = new XMLHttpRequest(), began = performance.now();
    this.sending = request;
    request.open("POST", `${ADDRESS}?name=${encodeURIComponent(file.name)}`);
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      this.show(loaded < total ? said(loaded, total, (performance.now() - began) / 1000) : "looking at it", loaded / total);
    });
    request.addEventListener("loadend", () => {
      this.sending = null;
      this.show("");
      const answer = /** @type {Answer | null} */ (request.response);
      if (answer?.place) this.use.came(answer.place);
      else if (request.status || !this.stopped) this.use.wrong(answer?.problem ?? "The file did not arrive; try again.");
    });
    request.addEventListener("abort", () => this.stopped = true);
    this.stopped = false;
    this.show(said(0, file.size, 0), 0);
    request.send(file);
  }

  stopped = false;

  /**
   * @param {string} text of what is going on, "" when nothing is
   * @param {number} [part] of the whole
   */
  show(text, part = 0) {
    const bar = find(".m-bar", this.box);
    this.box.classList.toggle("sending", Boolean(text));
    attr(bar, "aria-valuenow", Math.round(100 * part));
    find("i", bar).style.width = `${100 * part}%`;
    put(find(".m-told", this.box), text);
  }
}
