// What arrow keys mean. No page needed.

/** @type {Record<string, readonly [across: number, down: number]>} */
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * The step of an arrow key in a grid, null for any other key.
 * @param {string} key
 */
export const inGrid = (key) => MOVES[key] ?? null;

/**
 * The step of an arrow key in a group of radio buttons: 1, -1, or 0 for any other key.
 * @param {string} key
 */
export const inList = (key) => (MOVES[key] ? MOVES[key][0] + MOVES[key][1] : 0);

/**
 * The step of a key on a slider of steps, 0 for any other key. Shift is five at once.
 * @param {string} key
 * @param {boolean} shift
 */
export function onSlider(key, shift) {
  const by = { ArrowLeft: -1, ArrowRight: 1, PageDown: 5, PageUp: -5, Home: -1e6, End: 1e6 }[key] ?? 0;
  return by * (shift ? 5 : 1);
}

/**
 * Whether a key is pressed together with one that makes it the browser's.
 * @param {{ ctrlKey: boolean, metaKey: boolean, altKey: boolean }} event
 */
export const withModifier = (event) => event.ctrlKey || event.metaKey || event.altKey;
