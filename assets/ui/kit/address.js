// The address names the tab and the run, so that a reload comes back to them. The functions that take an address need no page.
import { tabChosen } from "./focus.js";
import { kept } from "./storage.js";

const FIRST = "compare"; // the tab that an address without one means
const BEGAN = globalThis.location?.search ?? ""; // as the page was opened: a tab that is chosen meanwhile changes the address
let arrived = false;

/** Whether the address was read: before, the first tab says that it was chosen, and nobody chose it. */
export const hasArrived = () => arrived;

/**
 * A query with the tab in it.
 * @param {string} address
 * @param {string} tab
 */
export function withTab(address, tab) {
  const url = new URL(address);
  if (tab === FIRST) url.searchParams.delete("tab");
  else url.searchParams.set("tab", tab);
  return url.href;
}

/**
 * "tab own run" of an address: the run of this tab's kind, and ?run=…, whatever kind it is.
 * @param {string} query
 * @param {string} tab
 */
export function wordsOf(query, tab) {
  const here = new URLSearchParams(query);
  return ["tab", tab, "run"].map((name) => (here.get(name) ?? "").replace(/ /g, "")).join(" ");
}

/**
 * "lab study" where the address means the Lab, "elsewhere study" otherwise.
 * @param {string} query
 */
export function studyOf(query) {
  const given = new URLSearchParams(query), study = given.get("study") ?? "";
  const here = given.get("tab") === "lab" || (study && !given.get("tab") && !given.get("run"));
  return `${here ? "lab" : "elsewhere"} ${study}`;
}

/**
 * "open run" where the address names one, "last run" of this browser otherwise.
 * @param {string} query
 * @param {string} last
 */
export function runOf(query, last) {
  const given = new URLSearchParams(query).get("run");
  return given ? `open ${given}` : `last ${last}`;
}

/**
 * The same address with another value of a name; "" takes it out.
 * @param {string} address
 * @param {string} name
 * @param {string} value
 */
export function withValue(address, name, value) {
  const url = new URL(address);
  if (value) url.searchParams.set(name, value);
  else url.searchParams.delete(name);
  return url.href;
}

/**
 * Puts a value into the address of the page.
 * @param {string} name
 * @param {string} value
 */
export function remember(name, value) {
  const address = withValue(location.href, name, value);
  if (address !== location.href) history.replaceState(null, "", address);
}

// -- what Gradio calls before it asks the server: the answer is the handler's input

/**
 * A tab was chosen.
 * @param {string} tab
 * @param {...unknown} given
 */
export function chosen(tab, ...given) {
  if (arrived) history.replaceState(null, "", withTab(location.href, tab));
  tabChosen();
  return given;
}

/** The page is there: the run of an open jobs panel. */
export function asked() {
  arrived = true;
  return kept("jobs");
}

/** @param {string} tab */
export const ofTab = (tab) => wordsOf(BEGAN, tab);
export const ofStudy = () => studyOf(BEGAN);
export const ofRun = () => runOf(BEGAN, kept("run"));
