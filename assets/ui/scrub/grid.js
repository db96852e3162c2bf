// Where the pictures of a row lie: in lines, with gaps. No page needed.

/** @typedef {{ side: number, gap: number, columns: number }} Form of a strip that is laid out, in pixels of its bitmap */

const LEAST_PX = 64, MOST_PX = 156; // of a picture: below the first a row breaks into lines
const APART = 1 / 16; // a gap is this part of a picture

/**
 * @param {Form} form
 * @param {number} k
 */
export const cellX = (form, k) => (k % form.columns) * (form.side + form.gap);

/**
 * @param {Form} form
 * @param {number} k
 */
export const cellY = (form, k) => Math.floor(k / form.columns) * (form.side + form.gap);

/**
 * Width and height of the bitmap.
 * @param {Form} form
 * @param {number} pictures
 */
export function sizeOf({ side, gap, columns }, pictures) {
  return { width: columns * (side + gap) - gap, height: Math.ceil(pictures / columns) * (side + gap) - gap };
}

/**
 * The form of strips, all of them alike, that stay within a budget together.
 * @param {number} height of a picture as it came, px
 * @param {number} columns
 * @param {number} pictures of all strips
 * @param {number} budget bytes
 * @returns {Form}
 */
export function formOf(height, columns, pictures, budget) {
  const side = Math.max(16, Math.floor(Math.min(height, Math.sqrt(budget / (4 * pictures)))));
  return { side, gap: Math.max(1, Math.round(side * APART)), columns };
}

/**
 * How pictures stand on the page: as many in a line as fit, no larger than is useful.
 * @param {number} width px
 * @param {number} pictures
 */
export function onPage(width, pictures) {
  const most = Math.floor((width / LEAST_PX + APART) / (1 + APART)), columns = Math.max(1, Math.min(pictures, most));
  const cell = Math.min(MOST_PX, width / (columns + (columns - 1) * APART)), gap = cell * APART;
  const lines = Math.ceil(pictures / columns);
  return { columns, lines, cell, gap, width: columns * (cell + gap) - gap, height: lines * (cell + gap) - gap };
}
