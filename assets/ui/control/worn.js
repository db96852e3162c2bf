// Which adapters are on. No page needed.

/** @typedef {{ id: string, title: string, about: string, base: string }} Adapter one that fits the chosen models */
/** @typedef {{ id: string, strength: number, on: string }} Use on: "all", "first", …, or "below:1" with a noise level */
/** @typedef {{ worn: Use[], vary: string }} Worn vary: the id of the one that is drawn at a row of strengths */

/**
 * What is on after the server has sent a value. What it does not say stays as it was set; what no longer fits comes off.
 * @param {Worn} before
 * @param {{ known?: Adapter[], worn?: Use[], vary?: string }} value
 * @returns {Worn}
 */
export function after(before, value) {
  const known = value.known ?? [], ids = new Set(known.map((one) => one.id));
  const worn = (value.worn ?? before.worn).filter((use) => ids.has(use.id)).map((use) => ({ ...use }));
  if (!worn.length && known.length) return { worn: [{ id: known[0].id, strength: 1, on: "all" }], vary: known[0].id };
  const vary = value.vary ?? before.vary;
  return { worn, vary: worn.some((use) => use.id === vary) ? vary : worn[0]?.id ?? "" };
}

/**
 * @param {Worn} before
 * @param {Use} use
 * @returns {Worn}
 */
export function without({ worn, vary }, use) {
  const left = worn.filter((other) => other !== use);
  return { worn: left, vary: vary === use.id ? left[0]?.id ?? "" : vary };
}

/**
 * Where an adapter is on, as a request says it.
 * @param {string} scope
 * @param {string} level
 */
export const scoped = (scope, level) => (bounded(scope) ? `${scope}:${level.replace(",", ".")}` : scope);

/** @param {string} scope */
export const bounded = (scope) => scope === "below" || scope === "above";
