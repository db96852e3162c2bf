// Moments of a training, and cells of a sheet of pictures. No page needed.

/**
 * The row that shows a training step: the last one up to it, else the first; null is the newest.
 * @template {{ step: number }} Row
 * @param {readonly Row[]} rows oldest first
 * @param {number | null} step
 * @returns {Row}
 */
export function upTo(rows, step) {
  const found = step === null ? rows[rows.length - 1] : rows.findLast((row) => row.step <= step);
  return found ?? rows[0];
}

/**
 * Where the slider over training steps stands; at its end for the newest.
 * @param {readonly number[]} steps
 * @param {number | null} step
 */
export const placeOf = (steps, step) =>
  step === null ? steps.length - 1 : Math.max(0, steps.findLastIndex((one) => one <= step));

/**
 * Training steps of several rows, each once, in order.
 * @param {readonly { step: number }[]} rows
 */
export const stepsOf = (rows) => [...new Set(rows.map((row) => row.step))].sort((a, b) => a - b);

/**
 * Size and position, in CSS, of a background that shows one cell of a sheet.
 * @param {number} column
 * @param {number} row
 * @param {number} columns
 * @param {number} rows
 */
export const cellOf = (column, row, columns, rows) => ({
  size: `${100 * columns}% ${100 * rows}%`,
  position: `${(100 * column) / Math.max(1, columns - 1)}% ${(100 * row) / Math.max(1, rows - 1)}%`,
});

/**
 * A training step in words.
 * @param {number} step
 */
export const stepWords = (step) => `step ${step.toLocaleString("en")}`;
