// The settings of the exact laboratory as its sliders hold them. No page needed.

/**
 * @typedef {object} Slider
 * @property {string} name
 * @property {string} label
 * @property {string} [info]
 * @property {number} low
 * @property {number} high
 * @property {number | "log2"} step log2: the slider stands on powers of two, in halves
 * @property {number} value
 */
/** @typedef {Record<string, number | string>} Settings by the slider's name, and the order of base and student */

/** @param {Slider} slider */
export const isLog = (slider) => slider.step === "log2";

/**
 * Where the slider stands for a value.
 * @param {Slider} slider
 * @param {number} value
 */
export const place = (slider, value) => (isLog(slider) ? Math.log2(value) : value);

/**
 * The value of a place on the slider; whole on a slider of powers.
 * @param {Slider} slider
 * @param {number} where
 */
export const valueAt = (slider, where) => (isLog(slider) ? Math.round(2 ** where) : where);

/** @param {Slider} slider */
export const range = (slider) => ({
  min: place(slider, slider.low), max: place(slider, slider.high), step: slider.step === "log2" ? 0.5 : slider.step,
});

/**
 * @param {string} name
 * @param {number | string} value
 */
export const written = (name, value) => (name === "beta" ? Number(value).toFixed(2) : String(value));

/**
 * The settings that a page was computed for, in the order of `settings`; what the page does not say is as it is there.
 * @param {Settings} settings
 * @param {Settings} found
 * @returns {Settings}
 */
export const ofPage = (settings, found) =>
  Object.fromEntries(Object.keys(settings).map((name) => [name, found[name] ?? settings[name]]));

/**
 * @param {Settings | null} one
 * @param {Settings} other
 */
export const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/**
 * A share as a length in CSS.
 * @param {number} share 0 … 1
 */
export const length = (share) => `${Math.min(100, Math.max(0, 100 * share))}%`;

/**
 * How far a bar of κ reaches: 0 … 1 for κ = 0 … 100, finer where it is small.
 * @param {number} kappa
 */
export const reach = (kappa) => Math.log1p(kappa) / Math.log1p(100);

/**
 * What is said of a step: the first is open or decided by the noise, the second keeps what was decided or forgets it.
 * @param {number} index
 * @param {{ first_open: boolean, second_kept: boolean }} regime
 * @returns {{ good: boolean, words: string } | null}
 */
export function judged(index, regime) {
  if (index === 0) return { good: regime.first_open, words: regime.first_open ? "open" : "decided by the noise" };
  if (index === 1) return { good: regime.second_kept, words: regime.second_kept ? "kept" : "forgotten" };
  return null;
}
