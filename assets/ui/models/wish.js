// What a filled form asks for: only the fields that are shown count. No page needed.

/**
 * @param {string} kinds
 * @param {string} holds
 */
export const shownFor = (kinds, holds) => kinds.split(" ").includes(holds);

/** @param {string} holds whether it stands on a listed model */
export const standsOn = (holds) => holds === "network" || holds === "lora";

/** @type {Record<string, string>} */
const ONLY = { file: "single_file network lora", like: "single_file", base: "network lora", variant: "pipeline network",
  hint: "controlnet", name: "controlnet" };

/**
 * @param {Record<string, string>} fields
 * @param {Record<string, string>} recipe
 * @returns {Record<string, unknown>}
 */
export function wishOf(fields, recipe) {
  const { holds } = fields;
  const shown = Object.entries(fields).filter(([name, text]) => text.trim() && shownFor(ONLY[name] ?? holds, holds));
  const wish = Object.fromEntries(shown);
  if (holds === "controlnet") return { place: wish.place ?? "", holds, hint: wish.hint ?? "", name: wish.name ?? "" };
  if (fields.role !== "student") {
    delete wish.teacher;
    return wish;
  }
  return { ...wish, recipe };
}
