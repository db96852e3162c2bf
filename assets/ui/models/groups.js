// How models stand in the list: where they are, then by family. No page needed.

/** @typedef {import("./types.js").Model} Model */
/** @typedef {{ name: string, title: string, note: string, families: { title: string, models: Model[] }[] }} Group */

/** @type {[name: string, title: string, note: string][]} */
const GROUPS = [
  ["here", "On this machine", "ready, or with what is missing said"],
  ["yours", "In the data folder", "taught here, or added from a path"],
  ["hub", "On the Hub", "listed and not downloaded"],
];

/**
 * Whether a model has every word that is typed, in what it is called, made of or licensed as.
 * @param {Model} model
 * @param {string} typed
 */
export function fits(model, typed) {
  const { id, title, role, family, form, licence, summary } = model;
  const text = [id, title, role, family, form, licence, summary].join(" ").toLowerCase();
  return typed.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/**
 * Groups that have a model which fits, in their order; families in the order of their first model.
 * @param {readonly Model[]} models
 * @param {string} [typed]
 * @returns {Group[]}
 */
export function grouped(models, typed = "") {
  return GROUPS.map(([name, title, note]) => {
    /** @type {Map<string, Model[]>} */
    const families = new Map();
    for (const model of models) {
      if (model.group !== name || !fits(model, typed)) continue;
      families.set(model.family, [...(families.get(model.family) ?? []), model]);
    }
    return { name, title, note, families: [...families].map(([family, of]) => ({ title: family, models: of })) };
  }).filter((group) => group.families.length);
}

/** @param {Group} group */
export const countOf = (group) => group.families.reduce((sum, family) => sum + family.models.length, 0);

/** @param {Model} model */
export const standing = (model) => (model.role === "student" && model.teacher ? `student of ${model.teacher}` : model.role);

/**
 * What its mark says: ready, away (on the Hub) or lacking.
 * @param {Model} model
 */
export const markOf = (model) => (model.group === "hub" ? "away" : model.lacks ? "lacking" : "ready");

/**
 * Whether a download that was there has come to its end, so that the list is another one.
 * @param {import("./types.js").Downloads} before
 * @param {import("./types.js").Downloads} now
 */
export const ended = (before, now) => Object.keys(before).some((id) => before[id].live && !now[id]?.live);

/**
 * What may be asked of a download: [action, words].
 * @param {import("./types.js").Download} load
 * @returns {[action: string, words: string][]}
 */
export function asks(load) {
  if (load.asked) return [];
  if (load.live) return [["pause", "Pause"], ["cancel", "End"]];
  const again = load.state === "failed" ? "Try again" : "Resume";
  return load.state === "paused" ? [["resume", again], ["cancel", "End"]] : [["resume", again]];
}
