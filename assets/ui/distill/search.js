// The words by which an objective is found. No page needed.

/**
 * @typedef {object} Objective
 * @property {string} name
 * @property {string} title
 * @property {string} how
 * @property {string} good_for
 * @property {string} status
 * @property {[text: string, href: string][]} papers
 */

/** @param {Objective} item */
export const text = (item) =>
  [item.name, item.title, item.how, item.good_for, item.status, ...item.papers.map(([words]) => words)].join(" ").toLowerCase();

/**
 * Whether every word that was typed is in the text.
 * @param {string} text in lower case
 * @param {string} typed
 */
export const fits = (text, typed) => typed.toLowerCase().split(/\s+/).every((word) => text.includes(word));
