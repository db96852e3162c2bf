// The axis all of a scrub stands on: ticks of the slider, and which step of every row belongs to each. No page needed.
//
// By noise level: a tick for every level at which some row was evaluated, falling; a row shows the last belief it had by
// then, so that a student's first of four stands beside the teacher's first dozen of fifty. By step number: plain counting.

/** @typedef {{ steps: { level: number | null }[] | null }} Stepped */
/**
 * @typedef {object} Axis
 * @property {number} count of ticks
 * @property {number[] | null} levels noise level of every tick; null where steps are counted
 * @property {(row: number, tick: number) => number} index the step of a row at a tick; -1 before it begins
 * @property {(row: number, index: number) => number} tick the first tick of a row's step
 */

const SAME = 1e-4; // levels nearer than this, as a ratio, are one

/** @param {{ level: number | null }} step */
export const levelOf = (step) => step.level ?? Infinity;

/**
 * @param {readonly Stepped[]} rows
 * @param {string} sync "step" or "noise"
 * @returns {Axis}
 */
export function axisOf(rows, sync) {
  const all = rows.map((row) => row.steps ?? []);
  if (sync === "step") {
    return {
      count: Math.max(1, ...all.map((steps) => steps.length)), levels: null,
      index: (row, tick) => (all[row]?.length ? Math.min(tick, all[row].length - 1) : -1),
      tick: (_row, index) => index,
    };
  }
  const found = all.flat().map(levelOf).sort((a, b) => (a === b ? 0 : b - a));
  const levels = found.filter((level, k) => !k || !(level === found[k - 1] || level > found[k - 1] * (1 - SAME)));
  const places = all.map((steps) => { // row -> tick -> its step
    let at = -1;
    return levels.map((level) => {
      while (at + 1 < steps.length && levelOf(steps[at + 1]) >= level * (1 - SAME)) at++;
      return at;
    });
  });
  return {
    count: Math.max(1, levels.length), levels,
    index: (row, tick) => places[row]?.[tick] ?? -1,
    tick: (row, index) => Math.max(0, places[row]?.indexOf(index) ?? 0),
  };
}

/**
 * The tick of a noise level, or the last one before it.
 * @param {readonly number[]} levels falling
 * @param {number} level
 */
export const nearest = (levels, level) => Math.max(0, levels.findLastIndex((one) => one >= level * (1 - SAME)));

/**
 * Where a tick stands: 0 left … 1 right.
 * @param {Axis} axis
 * @param {number} tick
 */
export const place = (axis, tick) => (axis.count > 1 ? tick / (axis.count - 1) : 0);

/**
 * Pixels from the left at which a tick stands on a track whose ends are padded.
 * @param {Axis} axis
 * @param {number} width
 * @param {number} tick
 * @param {number} pad
 */
export const acrossTrack = (axis, width, tick, pad) => pad + Math.max(1, width - 2 * pad) * place(axis, tick);

/**
 * The tick below a point of that track.
 * @param {Axis} axis
 * @param {number} width
 * @param {number} x
 * @param {number} pad
 */
export const tickAt = (axis, width, x, pad) => Math.round(((x - pad) / (width - 2 * pad)) * (axis.count - 1));

/**
 * Every step once: the last of each row, the first, then what halves the gaps (as the worker makes them).
 * @param {readonly number[]} lengths
 * @returns {[row: number, index: number][]}
 */
export function coarseToFine(lengths) {
  /** @type {[rank: number, row: number, index: number][]} */
  const ranked = [];
  lengths.forEach((n, row) => {
    /** @type {Map<number, number>} */
    const depth = new Map();
    if (n) depth.set(n - 1, 0);
    if (n > 1) depth.set(0, 1);
    let gaps = [[0, n - 1]];
    for (let rank = 2; gaps.length; rank++) {
      gaps = gaps.filter(([low, high]) => high - low >= 2).flatMap(([low, high]) => {
        const middle = (low + high) >> 1;
        depth.set(middle, rank);
        return [[low, middle], [middle, high]];
      });
    }
    for (const [index, rank] of depth) ranked.push([rank, row, index]);
  });
  return ranked.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]).map(([, row, index]) => [row, index]);
}
