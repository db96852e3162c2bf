// What studio/ui/compare/view.py sends the board (`RunView.board()`), and what the board and the stage tell each other.

/** @typedef {[role: string, steps: number][]} Glyph who takes how many steps in a row */
/**
 * One step of every seed in one picture.
 * @typedef {{ strip: string, count: number, step: number, steps: number, model: string }} Strip
 */
/**
 * @typedef {object} Figures
 * @property {string} diversity
 * @property {string} diversity_ci
 * @property {string} accuracy
 * @property {string} accuracy_ci
 * @property {string} nfe
 * @property {string} seconds
 * @property {string} by who read them, where no oracle does; else ""
 * @property {string} score of picture and prompt, "" where nobody reads words
 * @property {string} score_ci
 * @property {string} unread how many pictures do not count as diversity, and why; "" where all do
 * @property {string} why an accuracy is not known
 */
/**
 * @typedef {object} Row
 * @property {string} arm
 * @property {string} title
 * @property {string} tone
 * @property {string} meaning
 * @property {Glyph} glyph
 * @property {Record<string, string>} images path of every finished picture, by seed
 * @property {Record<string, string[]>} files what a picture cannot hold of them, by seed
 * @property {Strip | null} strip
 * @property {Figures | null} figures null until the arm is measured
 */
/**
 * @typedef {object} View
 * @property {string} run
 * @property {string} prompt
 * @property {string} pair its two models by name
 * @property {string} viewer the medium whose script shows one of its samples, "" where pictures say all
 * @property {number[]} seeds
 * @property {string} state
 * @property {boolean} live
 * @property {boolean} shipped whether it came with the program: without the steps on the way
 * @property {{ word: string, text: string }} status
 * @property {{ done: number, total: number, arm?: string } | null} progress
 * @property {{ lead: string, rest: string[], tone: string }} headline
 * @property {string[]} notices
 * @property {Row[]} rows
 */
/** @typedef {{ rows: { title: string, tone: string, images: string[] }[] }} Illustration */
/** @typedef {View | { run: null, illustration: Illustration }} Value */
/** @typedef {{ seed: number, left: string, right: string }} Selected a seed and two arms on it */
/** @typedef {{ view: View, selected: Selected }} Shown */
export {};
