// Pictures of the moment: one canvas a row, one large canvas a row for the chosen seed, drawn in the next animation frame.
import { acrossTrack } from "./axis.js";
import { cellX, cellY, sizeOf } from "./grid.js";
import { PAD } from "./schedule.js";
import { fit } from "./shapes.js";
import { sayNow } from "./words.js";

/** @typedef {import("./state.js").Scrub} Scrub */

const SAY_MS = 70; // between changes of small print while it moves

/**
 * [row, step] to draw for a row: its own at the slider, or while flickering what it is held against.
 * @param {Scrub} s
 * @param {number} row
 * @returns {[row: number, index: number]}
 */
function target(s, row) {
  if (!s.flick) return [row, s.axis.index(row, s.tick)];
  if (s.against === "end") return [row, s.last(row)];
  if (s.against === "pin") return [row, s.axis.index(row, Math.min(s.pin ?? 0, s.axis.count - 1))];
  const other = s.rowOf(s.against);
  return [other, s.axis.index(other, s.tick)];
}

/**
 * The bitmap of a step and the step it is of; while it is not there yet, the nearest one that is.
 * @param {Scrub} s
 * @param {number} row
 * @param {number} index
 * @returns {[bitmap: ImageBitmap | null, index: number]}
 */
export function bitmapOf(s, row, index) {
  const paths = (s.show === "noisy" ? s.rows[row].noisy : s.rows[row].strips) ?? [], exact = s.strips.get(paths[index]);
  if (exact) return [exact, index];
  for (let away = 1; away < paths.length; away++)
    for (const at of [index - away, index + away]) {
      const near = s.strips.get(paths[at]);
      if (near) return [near, at];
    }
  return [null, -1];
}

/**
 * Puts the picture of a row's step on a canvas; `copy(bitmap)` says which part goes where. Returns the step that was there.
 * @param {Scrub} s
 * @param {CanvasRenderingContext2D} ctx
 * @param {number} row
 * @param {(bitmap: ImageBitmap) => void} copy
 */
function paint(s, ctx, row, copy) {
  const [from, index] = target(s, row), [bitmap, at] = index < 0 ? [null, -1] : bitmapOf(s, from, index);
  ctx.globalCompositeOperation = "copy";
  if (!bitmap) {
    ctx.clearRect(0, 0, ctx.canvas.width, ctx.canvas.height);
    return at;
  }
  copy(bitmap);
  const end = s.show === "difference" ? s.strips.get(s.rows[from].strips[s.last(from)]) : undefined;
  if (end) {
    ctx.globalCompositeOperation = "difference";
    copy(end);
    ctx.globalCompositeOperation = "lighter";
    ctx.drawImage(ctx.canvas, 0, 0);
  }
  return at;
}

/** @param {Scrub} s */
export function redraw(s) {
  if (!s.frame) s.frame = requestAnimationFrame(() => drawNow(s));
}

/** @param {Scrub} s */
function drawNow(s) {
  s.frame = 0;
  const { form } = s.strips;
  if (!s.rows.length || !form) return;
  const { width, height } = sizeOf(form, s.seeds.length), k = s.seeds.indexOf(s.chosen.seed), { side } = form;
  s.lanes.forEach((part, row) => {
    fit(part.canvas, width, height);
    part.shown = paint(s, part.ctx, row, (bitmap) => part.ctx.drawImage(bitmap, 0, 0));
  });
  s.large.forEach((part, row) => {
    fit(part.canvas, side, side);
    paint(s, part.ctx, row, (bitmap) => {
      part.ctx.drawImage(bitmap, cellX(form, k), cellY(form, k), side, side, 0, 0, side, side);
    });
  });
  const track = s.$(".sc-track").clientWidth;
  s.$(".sc-track .sc-cursor").style.transform = `translateX(${acrossTrack(s.axis, track, s.tick, PAD)}px)`;
  for (const figure of s.figures) figure.move(s.tick);
  const wait = SAY_MS - (performance.now() - s.saidAt);
  if (wait <= 0) sayNow(s);
  else s.sayTimer ||= setTimeout(() => sayNow(s), wait);
}
