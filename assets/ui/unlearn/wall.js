// The wall of an unlearning: what was measured, before and after, failures first, a block for each part.
import { attr, file, make } from "../kit/dom.js";

/** @typedef {{ prompt: string, seed: number, mark: string, bad: boolean }} Pair */
/** @typedef {{ title: string, said: string, strip: string, pairs: Pair[] }} Block */
/** @typedef {{ step: number, note: string, blocks: Block[] }} Wall */

/**
 * Place of a picture in a strip of so many, in percent. No page needed.
 * @param {number} index
 * @param {number} count
 */
export const placeOf = (index, count) => (100 * index) / Math.max(1, count - 1);

/**
 * @param {string} source address of the strip
 * @param {number} index
 * @param {number} count
 * @param {string} words
 */
function picture(source, index, count, words) {
  const cell = make("i", "p-cell");
  attr(cell, "role", "img");
  attr(cell, "aria-label", words);
  cell.style.backgroundImage = `url("${source}")`;
  cell.style.backgroundSize = `${100 * count}% 100%`;
  cell.style.backgroundPosition = `${placeOf(index, count)}% 0`;
  return cell;
}

/**
 * @param {string} run
 * @param {Wall} wall
 */
export const wallNodes = (run, { blocks }) => blocks.map(({ title, said, strip, pairs }) => {
  const box = make("section", "u-block"), head = make("h4", "", title), grid = make("div", "u-pairs-grid");
  const count = 2 * pairs.length;
  if (said) head.append(" ", make("small", "", said));
  grid.append(...pairs.map(({ prompt, seed, mark, bad }, i) => {
    const pair = make("figure", "u-pair"), two = make("div");
    pair.dataset.bad = String(bad);
    two.append(...["before", "after"].map((when, k) =>
      picture(file(run, strip), 2 * i + k, count, `${prompt}, seed ${seed}, ${when}`)));
    pair.append(two, make("figcaption", "", prompt), ...(mark ? [make("small", "", mark)] : []));
    return pair;
  }));
  box.append(head, grid);
  return box;
});
