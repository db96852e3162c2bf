// What one tab asks of a part of another that may not be on the page yet: Gradio mounts a tab when it is first looked at, and the
// newest value of its parts may then be another one. No page needed.

/** @type {Map<string, string>} */
const wishes = new Map();

/**
 * @param {string} of the part
 * @param {string} what
 */
export const wish = (of, what) => void wishes.set(of, what);

/**
 * The wish, once, where it can be granted; "" otherwise, and it is kept.
 * @param {string} of
 * @param {(what: string) => boolean} possible
 */
export function granted(of, possible) {
  const what = wishes.get(of);
  if (what === undefined || !possible(what)) return "";
  wishes.delete(of);
  return what;
}

/**
 * What Evaluate is asked for: a model with an adapter on, and without it.
 * @param {{ adapter: string, base: string }} trial
 */
export const withAndWithout = ({ adapter, base }) => JSON.stringify([
  { model: base, arm: "", adapters: [{ id: adapter, strength: "1", on: "all" }] },
  { model: base, arm: "", adapters: [] },
]);
