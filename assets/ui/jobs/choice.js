// Which run the panel shows when answers come late.

/** @typedef {import("./types.js").Value} Value */

/**
 * Whether a value answers what was asked for last, or tells that it is gone. wanted: a run, or "first" for the one on top.
 * @param {Value} value
 * @param {string} wanted
 */
export const answers = (value, wanted) =>
  value.asked === wanted || value.chosen === wanted || (wanted !== "first" && !value.jobs.some((job) => job.id === wanted));

/**
 * What a value that answers an earlier question has to say: its list is news, its choice is not.
 * @param {Value} value
 * @param {string} wanted
 * @param {Value | null} shown
 * @returns {Value}
 */
export function listOf(value, wanted, shown) {
  if (wanted === "first") return { ...value, chosen: shown?.chosen ?? "", detail: shown?.detail ?? null };
  return { ...value, chosen: wanted, detail: shown?.detail?.run === wanted ? shown.detail : null };
}
