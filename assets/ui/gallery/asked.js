// What is looked for, in the address and in words. No page needed.

/**
 * @typedef {object} Asked
 * @property {string} find
 * @property {string} kind
 * @property {string} with a model
 * @property {string} state
 * @property {string} tag
 * @property {string} since
 * @property {string} until
 * @property {string} order
 * @property {string} favourites
 */

/** @type {(keyof Asked)[]} */
export const NAMES = ["find", "kind", "with", "state", "tag", "since", "until", "order", "favourites"];

/** @returns {Asked} */
export const nothing = () =>
  ({ find: "", kind: "", with: "", state: "", tag: "", since: "", until: "", order: "", favourites: "" });

/**
 * What an address asks for.
 * @param {string} query
 */
export function ofQuery(query) {
  const given = new URLSearchParams(query), asked = nothing();
  for (const name of NAMES) asked[name] = (given.get(name) ?? "").slice(0, 400);
  return asked;
}

/**
 * The address of the Gallery that asks for the same.
 * @param {string} address
 * @param {Asked} asked
 */
export function toAddress(address, asked) {
  const url = new URL(address);
  url.searchParams.set("tab", "gallery");
  for (const name of NAMES) {
    if (asked[name]) url.searchParams.set(name, asked[name]);
    else url.searchParams.delete(name);
  }
  return url.href;
}

/**
 * Whether anything is left out.
 * @param {Asked} asked
 */
export const narrows = (asked) => NAMES.some((name) => name !== "order" && asked[name]);

/**
 * Tags as somebody types them: commas between.
 * @param {string} text
 */
export const tagsOf = (text) => [...new Set(text.split(",").map((tag) => tag.trim()).filter(Boolean))];

/**
 * How many runs, in words.
 * @param {number} total
 * @param {boolean} narrowed
 * @param {number} all
 */
export function counted(total, narrowed, all) {
  if (!all) return "Nothing yet. Every run you make is kept and listed here.";
  const runs = (/** @type {number} */ n) => `${n.toLocaleString("en")} run${n === 1 ? "" : "s"}`;
  if (!narrowed) return runs(total);
  return total ? `${runs(total)} of ${all.toLocaleString("en")}` : "No run fits. Fewer words, or Clear, would find some.";
}

/**
 * The card that an arrow key leads to, -1 where there is none. columns: how many stand beside each other.
 * @param {number} at
 * @param {readonly [number, number]} step
 * @param {number} columns
 * @param {number} n
 */
export function next(at, [across, down], columns, n) {
  const to = at + across + down * columns;
  return to >= 0 && to < n ? to : -1;
}

/**
 * The two that are chosen once one more is pressed: the last two.
 * @param {string[]} chosen
 * @param {string} run
 */
export const choose = (chosen, run) => (chosen.includes(run) ? chosen.filter((one) => one !== run) : [...chosen, run].slice(-2));
