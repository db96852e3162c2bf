// What studio/ui/scrub/view.py sends the scrubber (`Scrubs.board()`), and the table of studio/capabilities/scrub/decisions.py.

/** @typedef {{ t: number, level: number | null, model: string, nfe: number }} Step level: σ/α, null where it is infinite */
/**
 * @typedef {object} Row
 * @property {string} arm
 * @property {string} title
 * @property {string} tone
 * @property {string} meaning
 * @property {string} about
 * @property {Step[] | null} steps null until the run has said so
 * @property {string[]} strips path of every step's picture, "" while there is none
 * @property {string[]} noisy the same of the noisy states
 * @property {{ arm: string, step: number } | null} branch where it leaves which row
 */
/** @typedef {Row & { steps: Step[] }} Laid a row whose steps are known */
/** @typedef {{ title: string, role: string, goes: boolean }} Model goes: whether a branch can go on with it */
/**
 * @typedef {object} Board
 * @property {string} run
 * @property {string} root the run that was drawn first; its branches are runs of their own
 * @property {string} prompt
 * @property {string} pair its two models by name
 * @property {number[]} seeds
 * @property {string} state
 * @property {boolean} live
 * @property {{ word: string, text: string }} status
 * @property {{ done: number, total: number } | null} progress
 * @property {string[]} notices
 * @property {Row[]} rows
 * @property {string} timeline path of the table of decisions, or ""
 * @property {Record<string, Model>} [models]
 * @property {Record<string, string>} [adapters] titles by id
 * @property {string[]} [formats] of moving pictures
 * @property {string} [problem]
 */
/** @typedef {Board | { run: null }} Value */
/**
 * @typedef {object} Curve of a factor, a value a step
 * @property {(number | null)[]} equal share of seeds that already say what they end with
 * @property {(number | null)[]} low
 * @property {(number | null)[]} high
 * @property {number[]} commit the step from which it stays, by seed
 * @property {(number | null)[]} chance
 * @property {number[][]} labels by step and seed
 */
/** @typedef {{ q25: (number | null)[], q50: (number | null)[], q75: (number | null)[], commit: number[] }} Distance */
/**
 * @typedef {object} Decided of one row
 * @property {number[]} accepted share of seeds the oracle takes for a picture, by step
 * @property {number[][]} inside 1 or 0, by step and seed
 * @property {Record<string, Curve>} factors
 * @property {Distance} distance
 */
/** @typedef {{ name: string, title?: string, values: string[], stated?: string | null, things?: string[] }} Factor */
/**
 * @typedef {object} Gone something that was seen on the way and is gone at the end
 * @property {string} arm
 * @property {number} seed
 * @property {number} strongest the step that shows it best
 * @property {string} factor
 * @property {string} value
 * @property {string} end
 * @property {number} first
 * @property {number} last
 * @property {number} near
 */
/**
 * @typedef {object} Table
 * @property {string} kind "oracle", "features", or how far apart pictures are otherwise
 * @property {string} [reader]
 * @property {Factor[]} factors
 * @property {Record<string, Decided>} arms
 * @property {Gone[]} vanished
 * @property {number} lost how many vanished, listed or not
 */
export {};
