// What studio/ui/jobs/background.py sends the panel of background runs (`Background.panel()`).

/** @typedef {import("../kit/header.js").Counts} Counts */
/** @typedef {{ id: string, title: string, state: string, text: string, percent: number, when: string }} Job */
/**
 * @typedef {{ step: number, strip: string, prompts?: string[], seeds?: number[], strengths?: number[] | null,
 *   columns?: string[] | null }} StripAt
 */
/**
 * @typedef {object} Strips
 * @property {{ strip: string, sampling_steps: number } | null} teacher
 * @property {Record<string, StripAt[]>} counts by steps of sampling
 */
/** @typedef {{ step: number, triple: string, prompts?: string[], seed: number }} BeliefsAt */
/** @typedef {[heading: string, what: string, tone: string]} BeliefRow */
/** @typedef {{ about: string, rows: BeliefRow[], columns: string[], levels: string[], steps: BeliefsAt[] }} Beliefs */
/** @typedef {[value: string, interval: string]} Reading */
/**
 * @typedef {object} ResponseRow
 * @property {string} model
 * @property {string} tone
 * @property {string} when
 * @property {Reading[]} cells
 * @property {Reading} slope
 * @property {string} spearman
 * @property {string} even
 */
/** @typedef {{ about: string, over?: string, columns?: string[], strengths?: string[], rows: ResponseRow[] }} Response */
/** @typedef {{ step: number, cells: Reading[], worn: boolean }} Pick */
/** @typedef {{ about: string, columns: string[], rows: Pick[], may: boolean }} Picks adapters that a run kept on the way */
/** @typedef {[value: string, tone: string, name: string]} Newest the last value of a line */
/** @typedef {{ key: string, title: string, note: string, values: Newest[], figure: string }} SmallFigure figure: plotly's JSON */
/** @typedef {{ text: string, where: string, size: string, open: string }} File open: path of one that can be opened, or "" */
/**
 * @typedef {object} Detail
 * @property {string} run
 * @property {string} [problem] where the run cannot be read; nothing else is there then
 * @property {string} title
 * @property {string} state
 * @property {string} text
 * @property {number} percent
 * @property {[action: string, words: string][]} actions
 * @property {[name: string, value: string][]} facts
 * @property {{ step: number, seen: string, remedy: string }[]} symptoms
 * @property {string[]} notices
 * @property {boolean} teaches whether a student is taught
 * @property {string} warning
 * @property {{ loss: string | null, measures: string | null }} figures plotly figures as JSON text
 * @property {SmallFigure[]} numbers
 * @property {string} few
 * @property {Response | null} response
 * @property {string} response_title
 * @property {string} response_wait
 * @property {Picks | null} picks
 * @property {boolean} measuring
 * @property {Strips | null} strips
 * @property {Beliefs | null} beliefs
 * @property {string[]} log
 * @property {string} text_log
 * @property {string | null} student id of the one that was made
 * @property {File[]} files
 * @property {[name: string, value: string][]} settings
 */
/**
 * @typedef {{ jobs: Job[], asked: string, chosen: string, detail: Detail | null, counts: Counts, downloads: Counts,
 *   focus?: string, problem?: string }} Value
 */
/** @typedef {{ run: string, step: number | null }} Picked the training step that is looked at; null for the newest */
export {};
