// What the server sends of models.

/**
 * @typedef {object} Model
 * @property {string} id
 * @property {string} title
 * @property {string} role
 * @property {string} teacher
 * @property {string} group here, yours or hub
 * @property {string} family
 * @property {number} size
 * @property {string} form
 * @property {string} bytes
 * @property {string} licence
 * @property {string} summary
 * @property {string} lacks why it cannot be used, or ""
 * @property {string} pair the student that Compare opens with, or ""
 * @property {string} with who stands beside it there
 * @property {boolean} download whether it can be downloaded
 * @property {string} remove model, files or ""
 * @property {string} page its address on the Hub
 * @property {[name: string, words: string][]} facts
 */
/** @typedef {{ run: string, state: string, live: boolean, percent: number, text: string, asked: string }} Download */
/** @typedef {Record<string, Download>} Downloads by id of the model */
/** @typedef {{ models: Model[], downloads: Downloads, problems: string[], free: string, said?: string }} Listed */
/** @typedef {{ text?: string, licence?: string, gated?: string, page?: string, problem?: string }} Look */
/** @typedef {{ files?: number, text?: string, problem?: string }} Removal */

export {};
