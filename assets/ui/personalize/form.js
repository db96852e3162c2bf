// What the form holds between its parts: the subject that is picked, the model, and how it is taught. No page needed.

/**
 * @typedef {object} Form
 * @property {string} subject id
 * @property {string} base id of the model
 * @property {string} method name
 * @property {string} name of the adapter, "" for a suggested one
 * @property {string} steps
 * @property {string} stop_at share, "" for never
 * @property {Record<string, Record<string, string>>} settings by method: those that were changed
 * @property {number} pending pictures that were brought and are not kept yet
 */

/** @type {Form} */
export const form = { subject: "", base: "", method: "", name: "", steps: "", stop_at: "", settings: {}, pending: 0 };

const OUTSIDE = "outside", LITTLE = "0.1"; // the setting, and what places outside a mask count where little of them is learned

/**
 * Says to every method that has the setting that little counts outside the masks, or as much as ever.
 * @param {Record<string, Record<string, string>>} settings by method: those that were changed
 * @param {Record<string, { fields: { name: string }[] }>} methods
 * @param {boolean} little
 */
export function countOutside(settings, methods, little) {
  for (const [name, { fields }] of Object.entries(methods)) {
    if (!fields.some((field) => field.name === OUTSIDE)) continue;
    if (little) (settings[name] ??= {})[OUTSIDE] = LITTLE;
    else delete settings[name]?.[OUTSIDE];
  }
}

/**
 * Whether a method counts less outside the masks; null where it has no such setting.
 * @param {Record<string, string> | undefined} typed
 * @param {{ name: string, value: string }[]} fields
 */
export function inside(typed, fields) {
  const field = fields.find((one) => one.name === OUTSIDE);
  return field ? Number(typed?.[OUTSIDE] ?? field.value) < 1 : null;
}

/**
 * A form as the server reads it: of the settings those of its method.
 * @template {{ method: string, settings: Record<string, Record<string, string>> }} F
 * @param {F} form
 */
export const sent = (form) => ({ ...form, settings: form.settings[form.method] ?? {} });

/** What Start sends, as JSON text in the place of its input. */
export const readForm = () => JSON.stringify(sent(form));

/**
 * A name as prompts and folders spell it: "My cat!" is "my-cat".
 * @param {string} title
 */
export function slug(title) {
  const plain = title.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  return plain.replace(/[^a-z0-9]+/g, "-").slice(0, 40).replace(/^-+|-+$/g, "");
}

/**
 * The word that is suggested for a name; "" for none.
 * @param {string} title
 */
export const wordOf = (title) => (slug(title) ? `<${slug(title)}>` : "");
