// Numbers as the page writes them, and places in lists. No page needed.

/**
 * A strength with its sign: +1.5, −1, 0.
 * @param {number} value
 */
export const signed = (value) => (value > 0 ? `+${value}` : `${value}`.replace("-", "−"));

/**
 * A share as whole percent, a dash where it is not known.
 * @param {number | null | undefined} share 0 … 1
 */
export const percent = (share) => (share === null || share === undefined ? "–" : `${Math.round(100 * share)} %`);

/**
 * A noise level: three figures at most, ∞ for pure noise.
 * @param {number} level
 */
export const noise = (level) =>
  level === Infinity ? "∞" : level >= 10 ? level.toFixed(1) : level >= 0.1 ? level.toFixed(2) : level.toPrecision(2);

/**
 * A count with its word: "1 step", "4 steps".
 * @param {number | string} n
 * @param {string} word
 */
export const plural = (n, word) => `${n} ${word}${Number(n) === 1 ? "" : "s"}`;

/**
 * Keeps the sign of percent on the line of its figure, and writes a minus where a hyphen stands before one.
 * @param {string} sentence
 */
export const unbroken = (sentence) => sentence.replace(/(\d) %/g, "$1\u00a0%").replace(/(^|[\s[(])-(?=\d)/g, "$1−");

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/**
 * A place `by` further on in a list that begins anew after its end.
 * @param {number} index
 * @param {number} by
 * @param {number} count
 */
export const around = (index, by, count) => (index + by + count) % count;

/**
 * Progress in percent: everything once a run is done, nothing while its total is not known.
 * @param {string} state
 * @param {{ done?: number, total?: number } | null} progress
 */
export const done = (state, progress) =>
  state === "done" ? 100 : progress?.total ? (100 * (progress.done ?? 0)) / progress.total : 0;

/**
 * The middle of the values, the lower one of two; null where there are none.
 * @param {readonly number[]} values
 */
export function middle(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[(sorted.length - 1) >> 1] : null;
}
