// The order of rows in the table of students. No page needed.

/** @typedef {[value: number | null, words: string, interval: string]} Cell value null where it was not measured */
/** @typedef {{ title: string, cells: Record<string, Cell> }} Sortable */
/** @typedef {{ by: string, sign: number }} Order sign 1: the least first */

/**
 * Rows in order; what is not known stands last either way, and of equals the cheaper one first.
 * @template {Sortable} Row
 * @param {readonly Row[]} rows
 * @param {Order} order
 */
export function inOrder(rows, { by, sign }) {
  /** @param {Row} row */
  const of = (row) => (by === "title" ? row.title.toLowerCase() : row.cells[by][0]);
  return [...rows].sort((a, b) => {
    const x = of(a), y = of(b);
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    return sign * (x < y ? -1 : x > y ? 1 : 0) || (a.cells.nfe[0] ?? 0) - (b.cells.nfe[0] ?? 0);
  });
}

/**
 * The order after a press on a column: the other way round where it was sorted by it already.
 * @param {Order} before
 * @param {string} by
 * @param {number} sign the column's own
 * @returns {Order}
 */
export const pressed = (before, by, sign) => ({ by, sign: before.by === by ? -before.sign : sign });
