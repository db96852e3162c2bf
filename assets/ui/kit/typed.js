// What is typed and chosen in the forms survives a reload of this browser tab: fields of every tab's `.controls`. Put back once
// the form is ready to run, and not where the address names a run: its request fills the form then. What is no longer offered
// is left out.
import { all, at } from "./dom.js";

const FIELD = "textarea, select, input:is(:not([type]), [type=text], [type=number], [type=range], [type=checkbox], [type=radio])";
const DROP = "input[role=combobox]"; // Gradio's dropdown: a list that opens when it has the focus
const FILLS_NOTHING = "[role=tab], [role=option], .label-wrap, label, input, textarea, select, .simple-switch, .welcome, .tour";
/** Of the address: runs that fill a form. */
const NAMED = ["run", "live", "scrub", "control", "grid", "personalize", "unlearn", "evaluate", "study"];
// A form that is still being filled may take back what was put into it; what depends on a choice is filled when that is answered.
const KEY = "studio:typed", LOOK_MS = 250, LOOKS = 8, LOOKS_AFTER_CHOICE = 60;
const CLOSED_MS = 60; // after the focus has left a dropdown: it shows again what is chosen

let putting = false; // something back, which is no person's doing
/** @type {Set<string>} keys of what has been put back */
const restored = new Set();

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Field */

/**
 * Whether an address asks for a run, whose request the form shows.
 * @param {string} query
 */
export const namesRun = (query) => NAMED.some((name) => new URLSearchParams(query).has(name));

/**
 * Whether a number may stand in a field with these bounds, "" where there is none.
 * @param {string} text
 * @param {string} min
 * @param {string} max
 */
export const within = (text, min, max) =>
  (min === "" || Number(text) >= Number(min)) && (max === "" || Number(text) <= Number(max));

/** @returns {Record<string, string>} */
function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

/** @param {Record<string, string>} kept */
function write(kept) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  } catch { /* a private window */ }
}

/** @param {Element | null} node */
const isField = (node) =>
  node instanceof HTMLInputElement || node instanceof HTMLTextAreaElement || node instanceof HTMLSelectElement;

/** @param {Field} field */
const isTick = (field) => field.type === "checkbox" || field.type === "radio";

/** @param {Element} controls the tab they are of */
const tabOf = (controls) => controls.parentElement?.closest("[id]")?.id ?? "";

/**
 * What a field is kept under, "" where it is not: what is drawn for one choice alone. A slider and its number are one; a part of
 * ours holds several fields, each with a label or a class of its own.
 * @param {EventTarget | null} node
 */
function keyOf(node) {
  const field = /** @type {Element | null} */ (node);
  if (!isField(field) || !field.matches(FIELD) || field.closest(".drawn")) return "";
  const controls = field.closest(".controls"), named = field.closest("[id]:not(input, textarea, select, [id^=html-])");
  if (!controls) return "";
  const id = named && controls.contains(named) && controls !== named ? named.id : "";
  const label = (field.getAttribute("aria-label") ?? "").replace(/^(number input|range slider) for /, "");
  const own = isTick(field)
    ? `${field.name}=${field.type === "radio" ? field.value : ""}`
    : id && !field.closest("[data-mounted]") ? "" : label || field.className;
  return id || own ? `${tabOf(controls)}/${id}/${own}` : "";
}

/** @param {Field} field */
const valueOf = (field) => isTick(field) ? String(/** @type {HTMLInputElement} */ (field).checked) : field.value;

/**
 * @param {Field} field
 * @param {string} value
 */
function offers(field, value) {
  if (field.disabled) return false;
  if (field instanceof HTMLSelectElement) return [...field.options].some((option) => option.value === value);
  return !(field instanceof HTMLInputElement) || !["number", "range"].includes(field.type) || within(value, field.min, field.max);
}

/**
 * @param {Field} field
 * @param {string} value
 */
function fill(field, value) {
  if (isTick(field)) return field.click();
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  if (field instanceof HTMLSelectElement) field.dispatchEvent(new Event("change", { bubbles: true }));
}

/**
 * Chooses from a dropdown as a hand would.
 * @param {Field} drop
 * @param {string} title
 */
async function choose(drop, title) {
  const before = document.activeElement;
  drop.focus({ preventScroll: true });
  await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
  const list = document.getElementById(drop.getAttribute("aria-controls") ?? "");
  const option = list && all("[role=option]", list).find((one) => one.getAttribute("aria-label") === title);
  option?.dispatchEvent(new MouseEvent("mousedown", { bubbles: true, cancelable: true }));
  drop.blur();
  if (before instanceof HTMLElement && before !== document.body) before.focus({ preventScroll: true });
}

/**
 * Puts back what was there before, dropdowns first: others may depend on them.
 * @param {HTMLElement} controls a form that is ready
 * @param {Record<string, string>} before
 * @param {Map<string, number>} looks how often each is still looked at
 */
async function putBack(controls, before, looks) {
  const fields = /** @type {Field[]} */ (/** @type {unknown} */ (all(FIELD, controls)));
  const drops = fields.filter((one) => one.matches(DROP)), others = fields.filter((one) => !one.matches(DROP));
  for (const field of [...drops, ...others]) {
    const key = keyOf(field), value = before[key], left = looks.get(key) ?? LOOKS;
    if (value === undefined || left === 0) continue;
    looks.set(key, left - 1);
    if (!offers(field, value)) continue;
    restored.add(key);
    if (valueOf(field) === value) continue;
    putting = true;
    if (field.matches(DROP)) {
      await choose(field, value);
      for (const other of others) looks.set(keyOf(other), LOOKS_AFTER_CHOICE);
    } else if (!field.matches("[readonly]")) fill(field, value);
    putting = false;
  }
}

/**
 * Keeps what people do from now on.
 * @param {Record<string, string>} before what was there is theirs to change
 */
function keep(before) {
  /** @param {Field} field */
  const note = (field) => {
    const key = keyOf(field);
    if (!key) return;
    delete before[key];
    write({ ...read(), [key]: valueOf(field) });
  };
  document.addEventListener("input", (event) => {
    const field = /** @type {Field} */ (event.target);
    if (event.isTrusted && !putting && isField(field) && !field.matches(DROP)) note(field);
  });
  document.addEventListener("filled", (event) => { // by a press of a person's, as of a word
    const field = /** @type {Field} */ (event.target);
    if (isField(field)) note(field);
  });
  let shown = "";
  document.addEventListener("focusin", (event) => {
    const drop = /** @type {Element} */ (event.target);
    if (isField(drop) && drop.matches(DROP)) shown = drop.value;
  });
  document.addEventListener("focusout", (event) => {
    const drop = /** @type {Element} */ (event.target);
    if (putting || !isField(drop) || !drop.matches(DROP)) return;
    const was = shown;
    setTimeout(() => {
      if (drop.value === was) return;
      for (const key of restored) if (key.startsWith(`${keyOf(drop).split("/")[0]}/`)) delete before[key]; // it may fill the form
      note(drop);
    }, CLOSED_MS);
  });
}

/**
 * Keeps what is typed and chosen from now on, and puts back what was.
 * @param {Promise<void>} ready when the page hears what is put into its forms
 */
export async function keepTyped(ready) {
  const before = namesRun(location.search) ? {} : read();
  keep(before);
  /** @type {Map<string, number>} */
  const looks = new Map();
  document.addEventListener("pointerdown", (event) => { // what somebody asks for now may fill a form: it has the last word
    if (at(event, FILLS_NOTHING)) return;
    for (const controls of all(".controls", document).filter((one) => one.offsetParent)) {
      for (const key of Object.keys(before)) if (key.startsWith(`${tabOf(controls)}/`)) delete before[key];
    }
  }, true);
  await ready;
  for (; Object.keys(before).length; await new Promise((later) => setTimeout(later, LOOK_MS))) {
    for (const controls of all(".controls", document)) { // tabs are mounted when they are looked at, and filled a moment later
      const run = controls.querySelector("button.runs, .runs button");
      if (run instanceof HTMLButtonElement && !run.disabled && controls.offsetParent) await putBack(controls, before, looks);
    }
  }
}
