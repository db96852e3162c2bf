// Pictures of steps, ready to be drawn. A strip comes as one JPEG with all seeds side by side; it is decoded once and laid out
// as its row stands on the page (in lines of `columns`, with gaps and round corners), so that showing a step is one copy of one
// bitmap. Bitmaps live outside the script's memory, so there is a budget: beyond it they are kept smaller. The JPEGs are kept as
// well, for when the page is given another width.
import { cellX, cellY, formOf, sizeOf } from "./grid.js";

/** @typedef {import("./grid.js").Form} Form */

const BUDGET_BYTES = 320 << 20;
const AT_ONCE = 6; // requests; browsers allow no more to one host

/**
 * @param {ImageBitmap} strip
 * @param {Form} form
 * @param {number} seeds
 */
function laidOut(strip, form, seeds) {
  const { width, height } = sizeOf(form, seeds), canvas = new OffscreenCanvas(width, height), ctx = canvas.getContext("2d");
  if (!ctx) throw new Error("This browser gives no canvas to draw on.");
  const round = new Path2D(), { side } = form, from = strip.height;
  for (let k = 0; k < seeds; k++) round.roundRect(cellX(form, k), cellY(form, k), side, side, side / 16);
  ctx.clip(round);
  for (let k = 0; k < seeds; k++) ctx.drawImage(strip, k * from, 0, from, from, cellX(form, k), cellY(form, k), side, side);
  return canvas.transferToImageBitmap();
}

export class Strips {
  /** @type {Map<string, ImageBitmap>} */
  bitmaps = new Map();
  /** @type {Map<string, Blob>} */
  blobs = new Map();
  /** @type {Set<string>} */
  asked = new Set();
  /** @type {string[]} */
  waiting = [];
  /** @type {Form | null} */
  form = null; // follows from the first strip: all of a run are alike
  busy = 0;
  expected = 1;
  seeds = 1;
  columns = 1;
  age = 0;

  /**
   * @param {(path: string) => Promise<Blob>} load
   * @param {(path: string) => void} arrived
   */
  constructor(load, arrived) {
    this.load = load;
    this.arrived = arrived;
  }

  /** @param {string | undefined} path */
  get(path) {
    return path ? this.bitmaps.get(path) : undefined;
  }

  get count() {
    return this.bitmaps.size;
  }

  /**
   * Paths in the order they are wanted; those known are passed over. `total`: of all strips there will be.
   * @param {(string | undefined)[]} paths
   * @param {number} total
   */
  want(paths, total) {
    this.expected = Math.max(this.expected, total);
    for (const path of paths) {
      if (!path || this.asked.has(path)) continue;
      this.asked.add(path);
      this.waiting.push(path);
    }
    for (let k = 0; k < AT_ONCE; k++) void this.next();
  }

  /**
   * Strips of so many seeds, in lines of so many; true when what was there has to be laid out anew.
   * @param {number} seeds
   * @param {number} columns
   */
  arrange(seeds, columns) {
    if (seeds === this.seeds && columns === this.columns) return false;
    Object.assign(this, { seeds, columns });
    this.forget();
    return true;
  }

  clear() {
    this.forget();
    this.blobs.clear();
    this.expected = 1;
  }

  forget() {
    this.age++;
    for (const bitmap of this.bitmaps.values()) bitmap.close();
    this.bitmaps.clear();
    this.asked.clear();
    this.waiting = [];
    this.form = null;
  }

  async next() {
    const path = this.busy < AT_ONCE ? this.waiting.shift() : undefined, { age } = this;
    if (path === undefined) return;
    this.busy++;
    try {
      const blob = this.blobs.get(path) ?? (await this.load(path)), strip = await createImageBitmap(blob);
      if (age === this.age) {
        this.form ??= formOf(strip.height, this.columns, this.expected * this.seeds, BUDGET_BYTES);
        this.blobs.set(path, blob);
        this.bitmaps.set(path, laidOut(strip, this.form, this.seeds));
        this.arrived(path);
      }
      strip.close();
    } catch {
      if (age === this.age) this.asked.delete(path); // asked for again with the next look at the run
    }
    this.busy--;
    void this.next();
  }
}
