// What is typed into the forms survives a reload of this browser tab: text fields of every tab's `.controls`, by the id around
// them. Put back once the form is ready to run, and not where the address names a run: its request fills the form then.
import { all, at } from "./dom.js";

const FIELD = "textarea, input:not([type]), input[type=text], input[type=number]";
const NAMED = ["run", "scrub", "control", "study"]; // of the address: runs that fill a form
const KEY = "studio:typed", LOOK_MS = 250, LOOKS = 8; // a form that is still being filled may take back what was put into it

/** @typedef {HTMLInputElement | HTMLTextAreaElement} Field */

/**
 * Whether an address asks for a run, whose request the form shows.
 * @param {string} query
 */
export const namesRun = (query) => NAMED.some((name) => new URLSearchParams(query).has(name));

/** @returns {Record<string, string>} */
function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

/** @param {Record<string, string>} typed */
function write(typed) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(typed));
  } catch { /* a private window */ }
}

/**
 * What a field is kept under, "" where it is not: choices from a list, and fields that are drawn for one choice alone.
 * @param {Element | null} field
 */
function keyOf(field) {
  if (!(field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) || !field.matches(FIELD)) return "";
  if (field.readOnly || field.closest("[role=listbox], .drawn, [aria-haspopup]") || field.role === "listbox") return "";
  const controls = field.closest(".controls"), named = field.closest("[id]:not(input):not(textarea)");
  return controls && named && controls.contains(named) && controls !== named ? named.id : "";
}

/**
 * @param {HTMLElement} controls a form that is ready
 * @param {Record<string, string>} typed
 */
function putBack(controls, typed) {
  for (const field of all(FIELD, controls)) {
    const text = typed[keyOf(field)], known = /** @type {Field} */ (field);
    if (text === undefined || known.value === text) continue;
    known.value = text;
    known.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

/** Keeps what is typed from now on, and puts back what was. */
export function keepTyped() {
  const before = namesRun(location.search) ? {} : read();
  /** @type {WeakMap<HTMLElement, number>} */
  const looks = new WeakMap();
  document.addEventListener("input", (event) => {
    const key = event.isTrusted ? keyOf(/** @type {Element | null} */ (event.target)) : "";
    if (!key) return;
    delete before[key];
    write({ ...read(), [key]: /** @type {Field} */ (event.target).value });
  });
  if (!Object.keys(before).length) return;
  const look = () => {
    for (const controls of all(".controls", document)) {
      const run = controls.querySelector("button.runs, .runs button");
      const times = looks.get(controls) ?? 0;
      if (times >= LOOKS || !(run instanceof HTMLButtonElement) || run.disabled || !controls.offsetParent) continue;
      looks.set(controls, times + 1);
      putBack(controls, before);
    }
  };
  document.addEventListener("pointerdown", (event) => { // what somebody asks for now may fill a form: it has the last word
    if (!at(event, "[role=tab]")) for (const one of all(".controls", document)) if (looks.has(one)) looks.set(one, LOOKS);
  }, true);
  look();
  setInterval(look, LOOK_MS); // tabs are mounted when they are looked at, and filled a moment later
}
