// What the form holds between its parts: what goes, what it becomes, what stays, the model, and how. No page needed.

/**
 * @typedef {object} Form
 * @property {string} forget
 * @property {string} becomes
 * @property {string} keep
 * @property {string} prompts pairs that were changed by hand; "" where they are made from the words
 * @property {string} base id of the model
 * @property {string} method
 * @property {Record<string, Record<string, string>>} settings by method: those that were changed
 * @property {Record<string, string>} run fields of the run that were changed
 */

/** @type {Form} */
export const form = { forget: "", becomes: "", keep: "", prompts: "", base: "", method: "", settings: {}, run: {} };

/** The form as the server reads it. */
export const asked = () => ({ ...form, settings: form.settings[form.method] ?? {} });

/** What Start sends, as JSON text in the place of its input. */
export const readForm = () => JSON.stringify(asked());

/**
 * The form as it was for a run that is come back to.
 * @param {Form} given
 */
export const returnTo = (given) => void Object.assign(form, given);

/**
 * Words of a field, with commas between.
 * @param {string} text
 */
export const listed = (text) => text.split(",").map((word) => word.trim().replace(/\s+/g, " ")).filter(Boolean);

/**
 * The text with a word in it, or without it where it was.
 * @param {string} text
 * @param {string} word
 */
export function toggled(text, word) {
  const words = listed(text);
  return (words.includes(word) ? words.filter((one) => one !== word) : [...words, word]).join(", ");
}
