// What stands in a form whose fields the server draws (a choice among cards, and its settings): kept until this browser tab is
// closed, and given back once, when the form is first filled. An address that names a run fills the form from that.
import { chosen, ofStudy, ofTab } from "./address.js";
import { namesRun } from "./typed.js";

/** @param {string} tab */
const key = (tab) => `studio:draft/${tab}`;

/**
 * @param {string} tab
 * @param {string} text as the server wrote it
 */
export function keepDraft(tab, text) {
  try {
    if (text) sessionStorage.setItem(key(tab), text);
  } catch { /* a private window */ }
  return [];
}

/**
 * @param {string} tab
 * @param {boolean} [filled] whether the address fills the form: it names a run
 * @returns {string} "" where nothing was left, or the address fills the form
 */
export function left(tab, filled = namesRun(location.search)) {
  try {
    return filled ? "" : sessionStorage.getItem(key(tab)) ?? "";
  } catch {
    return "";
  }
}

/**
 * A tab was chosen; its last input is what was left in it.
 * @param {string} tab
 * @param {...unknown} given
 */
export const again = (tab, ...given) => [...chosen(tab, ...given).slice(0, -1), left(tab)];

/** The page is there: what its address says of a tab, and what was left in that. */
export const arrived = (/** @type {string} */ tab) => [tab === "lab" ? ofStudy() : ofTab(tab), left(tab)];
