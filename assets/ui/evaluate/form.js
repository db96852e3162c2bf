// What the form holds between its parts: who is evaluated, on which prompts and seeds, and by whom. No page needed to read it.
import { keepDraft } from "../kit/drafts.js";
import { tell } from "../kit/part.js";

/** @typedef {{ id: string, strength: string, on: string }} Use */
/** @typedef {{ model: string, arm: string, adapters: Use[] }} Row */
/**
 * @typedef {object} Form
 * @property {Row[]} candidates the first one is what the others are compared with
 * @property {string} source "own" prompts of the domain, or "typed" ones
 * @property {string} prompts one a line; kept while the domain's own are chosen
 * @property {string} seeds
 * @property {string[]} judges the first one's answers count; [] for the best there is
 * @property {Record<string, string>} run fields of the run that were changed
 */

/** @type {Form} */
export const form = { candidates: [], source: "own", prompts: "", seeds: "8", judges: [], run: {} };

/** What Start sends, as JSON text in the place of its input. */
export const readForm = () => JSON.stringify(form);

/**
 * The form as it was for a run that is come back to, or as it was left.
 * @param {Partial<Form>} given
 */
export const returnTo = (given) => void Object.assign(form, given);

/** Something is another than before: kept for a reload, and looked at in a moment. */
export function changed() {
  keepDraft("evaluate", readForm());
  tell("evaluate-changed");
}

/**
 * A candidate to add after these: the next arm of the last one's model that is not there yet, where it has any.
 * @param {Row[]} rows
 * @param {{ id: string, arms: { arm: string }[] }[]} models
 * @returns {Row}
 */
export function another(rows, models) {
  const last = rows.at(-1), known = models.find((one) => one.id === last?.model) ?? models[0];
  /** @param {string} model @param {string} arm */
  const there = (model, arm) => rows.some((row) => row.model === model && row.arm === arm && !row.adapters.length);
  const arm = known?.arms.find((one) => !there(known.id, one.arm));
  const other = models.find((one) => !there(one.id, ""));
  if (known && arm) return { model: known.id, arm: arm.arm, adapters: [] };
  return { model: other?.id ?? known?.id ?? "", arm: "", adapters: [] };
}

/**
 * What somebody brings from another tab: rows as JSON text, [] where it is none.
 * @param {string} text
 * @returns {Row[]}
 */
export function rowsOf(text) {
  try {
    const given = JSON.parse(text);
    return Array.isArray(given) ? given.map(({ model = "", arm = "", adapters = [] }) => ({ model, arm, adapters })) : [];
  } catch {
    return [];
  }
}

/** Bytes of a file of prompts that is read; 256 prompts of 300 characters fit several times. */
const MOST_BYTES = 400_000;

/**
 * The text of a file of prompts, or why there is none, in one sentence.
 * @param {string} name
 * @param {ArrayBuffer} data
 * @returns {{ text: string } | { problem: string }}
 */
export function textOf(name, data) {
  const fits = "a plain text file with one prompt a line would fit.";
  if (data.byteLength > MOST_BYTES) return { problem: `${name} has more than ${MOST_BYTES.toLocaleString("en")} bytes; ${fits}` };
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(data).replace(/\r\n?/g, "\n");
    if (text.includes("\0")) return { problem: `${name} is no text; ${fits}` };
    return text.trim() ? { text } : { problem: `${name} is empty; ${fits}` };
  } catch {
    return { problem: `${name} is no text in UTF-8; ${fits}` };
  }
}
