// Places in a grid of up to three axes: names of cells, what a table shows of them, ways from one to the next. No page needed.

/** @typedef {{ setting: string, title: string, labels: string[], tones: string[] }} Axis */
/** @typedef {{ images: Record<string, string>, why: string, figures: [name: string, value: string, interval: string][] }} Cell */

/** Arrow keys, and where they lead: along columns, along rows. */
export const WAYS = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
});

/**
 * The name of a cell, of as many places as there are axes.
 * @param {Axis[]} axes
 * @param {number} x
 * @param {number} y
 * @param {number} z
 */
export const nameOf = (axes, x, y, z) => [x, y, z].slice(0, axes.length).join("-");

/**
 * @param {string} name
 * @returns {[number, number, number]} 0 on axes that are not there
 */
export function placeOf(name) {
  const [x = 0, y = 0, z = 0] = name.split("-").map(Number);
  return [x, y, z];
}

/**
 * The place a key leads to; the same one at an edge.
 * @param {Axis[]} axes
 * @param {string} name
 * @param {string} key
 */
export function towards(axes, name, key) {
  const [dx, dy] = WAYS[key] ?? [0, 0], [x, y, z] = placeOf(name);
  const most = (/** @type {number} */ i) => (axes[i]?.labels.length ?? 1) - 1;
  return nameOf(axes, Math.min(Math.max(x + dx, 0), most(0)), Math.min(Math.max(y + dy, 0), most(1)), z);
}

/**
 * "Teacher steps 5, Arms student".
 * @param {Axis[]} axes
 * @param {string} name
 */
export const wordsOf = (axes, name) =>
  axes.map((axis, i) => `${axis.title} ${axis.labels[placeOf(name)[i]]}`).join(", ");

/**
 * Every figure that any cell has, in the order of the cells.
 * @param {Cell[]} cells
 */
export const figuresOf = (cells) => [...new Set(cells.flatMap((cell) => cell.figures.map(([name]) => name)))];

/**
 * Seeds of any cell, in their order.
 * @param {Cell[]} cells
 */
export const seedsOf = (cells) =>
  [...new Set(cells.flatMap((cell) => Object.keys(cell.images)))].sort((a, b) => Number(a) - Number(b));

/**
 * The seed that a cell shows: the chosen one, or where seeds are an axis the one it has.
 * @param {Cell} cell
 * @param {string} chosen
 */
export const shownSeed = (cell, chosen) => (chosen in cell.images ? chosen : Object.keys(cell.images)[0] ?? "");

/**
 * A figure as it stands under a picture; a diversity never without the accuracy.
 * @param {Cell | undefined} cell
 * @param {string} figure
 */
export function captionOf(cell, figure) {
  const found = cell?.figures.find(([name]) => name === figure);
  const accuracy = figure.startsWith("diversity") && cell?.figures.find(([name]) => name.startsWith("accuracy"));
  const at = accuracy ? `at ${accuracy[1]}`.replaceAll(" ", "\u00a0") : ""; // on one line
  return found ? [found[1], found[2], at].filter(Boolean).join(" ") : "";
}
