// What the scrubber shows at a moment: the run, where the slider stands, what is chosen.
import { Part } from "../kit/part.js";
import { file } from "../kit/dom.js";
import { axisOf } from "./axis.js";
import { Strips } from "./frames.js";

/** @typedef {import("./types.js").Board} Board */
/** @typedef {import("./types.js").Laid} Laid */
/** @typedef {import("./types.js").Table} Table */
/** @typedef {import("./types.js").Value} Value */
/**
 * @typedef {object} Lane the parts of a row on the wall
 * @property {HTMLElement} meta
 * @property {HTMLElement} at
 * @property {HTMLElement} where
 * @property {HTMLElement} lane
 * @property {HTMLCanvasElement} canvas
 * @property {HTMLElement} cells
 * @property {CanvasRenderingContext2D} ctx
 * @property {number} shown the step whose picture is there; -1 none
 */
/** @typedef {{ figure: HTMLElement, canvas: HTMLCanvasElement, words: HTMLElement, ctx: CanvasRenderingContext2D }} Large */
/** @typedef {{ box: HTMLElement, move: (tick: number) => void, say: (tick: number) => void }} Figure follows the slider */

/** @param {string} base64 */
const decoded = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** @type {Board} */
export const NONE = {
  run: "", root: "", prompt: "", pair: "", seeds: [], state: "empty", live: false, status: { word: "", text: "" }, progress: null,
  notices: [], rows: [], timeline: "",
};

/** @extends {Part<Value>} */
export class Scrub extends Part {
  view = NONE;
  /** @type {Laid[]} */
  rows = []; // those whose steps are known
  axis = axisOf([], "noise");
  built = ""; // rows and lengths the wall was built for
  home = ""; // the run whose files are shown: while a branch waits, still the run it leaves
  /** @type {Lane[]} */
  lanes = [];
  /** @type {Large[]} */
  large = [];

  tick = 0;
  sync = "noise";
  show = "x0";
  against = "end";
  /** @type {number | null} */
  pin = null;
  flick = false;
  chosen = { arm: "", seed: -1 };

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  flickTimer = undefined; // set while it flickers by itself
  playing = 0; // the animation frame that is asked for, 0 while it stands
  frame = 0;
  saidAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  sayTimer = undefined;

  /** @type {Table | null} */
  table = null;
  tableFrom = "";
  /** @type {Figure[]} */
  figures = [];
  all = false; // whether every factor has its figure

  /**
   * @param {import("../kit/part.js").Host<Value>} host
   * @param {Record<string, string> | null} kept base64 by path, in an exported file
   * @param {(scrub: Scrub) => void} arrived another strip is there
   */
  constructor(host, kept, arrived) {
    super(host);
    this.kept = kept;
    this.root = this.$(".scrub");
    this.slider = this.$(".sc-slider", HTMLInputElement);
    this.strips = new Strips((path) => this.load(path), () => arrived(this));
  }

  /**
   * A file of the run that is shown.
   * @param {string} path
   */
  async load(path) {
    if (this.kept) return new Blob([decoded(this.kept[path])], { type: "image/jpeg" });
    const answer = await fetch(file(this.home, path));
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.blob();
  }

  get seeds() {
    return this.view.seeds;
  }

  /** @param {string} arm */
  rowOf(arm) {
    return Math.max(0, this.rows.findIndex((row) => row.arm === arm));
  }

  /** The place of the chosen arm. */
  get row() {
    return this.rowOf(this.chosen.arm);
  }

  /** @param {number} row */
  last(row) {
    return this.rows[row].steps.length - 1;
  }

  /** @param {string} model */
  role(model) {
    return this.view.models?.[model]?.role ?? "student";
  }

  get hasNoisy() {
    return this.rows.some((row) => row.noisy?.some(Boolean));
  }

  /** Forgets the run that was shown. */
  startOver() {
    this.strips.clear();
    this.root.dataset.ready = "0";
    Object.assign(this, { tick: 0, pin: null, against: "end", show: "x0", table: null, tableFrom: "", figures: [] });
    this.axis = axisOf([], this.sync);
    this.built = "";
    this.chosen = { arm: "", seed: -1 };
  }
}
