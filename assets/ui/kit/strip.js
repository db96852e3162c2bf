// A strip of pictures, all side by side in one file, as a grid: rows are prompts, and of every seed its columns stand together.
import { attr, make } from "./dom.js";
import { css } from "./figure.js";

/** @typedef {{ step: number, strip: string }} StripAt */
/** @typedef {{ rows: string[], columns: string[], seeds: number[], prompts: string[], steps: StripAt[] }} Strips */

/**
 * Place of a picture in the file. No page needed.
 * @param {Strips} strips
 * @param {number} row
 * @param {number} seed its place
 * @param {number} column
 */
export const indexOf = ({ seeds, columns }, row, seed, column) => (row * seeds.length + seed) * columns.length + column;

/**
 * The prompt of a row, where it is not what the row is called. No page needed.
 * @param {Pick<Strips, "rows" | "prompts">} strips
 * @param {number} row
 */
export const beside = ({ rows, prompts }, row) => (prompts[row] === rows[row] ? "" : prompts[row] ?? "");

/** @param {Strips} strips */
const countOf = ({ rows, seeds, columns }) => rows.length * seeds.length * columns.length;

/**
 * The grid, its cells still empty.
 * @param {Strips} strips
 */
export function cut(strips) {
  const { rows, columns, seeds } = strips;
  const heads = seeds.flatMap((seed) => columns.map((column) => {
    const head = make("div", "p-head", column);
    head.append(make("small", "", `seed ${seed}`));
    return head;
  }));
  const lines = rows.flatMap((row, r) => {
    const name = make("div", "p-name");
    name.append(make("b", "", row), make("small", "", beside(strips, r)));
    return [name, ...seeds.flatMap((seed, s) => columns.map((column, c) => {
      const cell = make("i", "p-cell");
      cell.dataset.at = String(indexOf(strips, r, s, c));
      attr(cell, "role", "img");
      attr(cell, "aria-label", `${row}, seed ${seed}, ${column}`);
      return cell;
    }))];
  });
  return [make("div"), ...heads, ...lines];
}

/**
 * Shows in every cell its part of the strip.
 * @param {HTMLElement} grid
 * @param {Strips} strips
 */
export function placeIn(grid, strips) {
  const count = countOf(strips);
  for (const cell of grid.querySelectorAll(".p-cell")) {
    if (!(cell instanceof HTMLElement)) continue;
    cell.style.backgroundSize = `${100 * count}% 100%`;
    cell.style.backgroundPosition = `${(100 * Number(cell.dataset.at)) / Math.max(1, count - 1)}% 0`;
  }
}

const EDGE = 20, NAME = 200, HEAD = 64, GAP = 6;

/**
 * The grid as a PNG.
 * @param {Strips} strips
 * @param {{ step: number, strip: string }} shown
 * @param {string} run
 * @param {string} title
 * @param {Element} element whose colours and fonts it takes
 * @returns {Promise<Blob | null>}
 */
export async function drawnGrid(strips, shown, run, title, element) {
  const image = Object.assign(new Image(), { src: `run-file/${run}/${shown.strip}` });
  await image.decode();
  const wide = strips.seeds.length * strips.columns.length, side = image.naturalHeight, canvas = document.createElement("canvas");
  canvas.width = 2 * EDGE + NAME + wide * (side + GAP);
  canvas.height = 2 * EDGE + HEAD + strips.rows.length * (side + GAP);
  const pen = canvas.getContext("2d");
  if (!pen) return null;
  const font = css(element, "--font") || "sans-serif";
  /** @param {string} text @param {number} x @param {number} y @param {string} size @param {number} most */
  const write = (text, x, y, size, most) => {
    pen.font = `${size} ${font}`;
    pen.fillText(text, x, y, most);
  };
  pen.fillStyle = css(element, "--card");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = css(element, "--ink");
  write(`${title}, after ${shown.step} steps`, EDGE, EDGE + 18, "600 18px", canvas.width - 2 * EDGE);
  for (let i = 0; i < wide; i++) {
    const head = `${strips.columns[i % strips.columns.length]}, seed ${strips.seeds[Math.floor(i / strips.columns.length)]}`;
    write(head, EDGE + NAME + i * (side + GAP), EDGE + HEAD - 8, "12px", side);
  }
  strips.rows.forEach((row, r) => {
    const y = EDGE + HEAD + r * (side + GAP);
    write(row, EDGE, y + side / 2 - 4, "600 14px", NAME - 12);
    write(beside(strips, r), EDGE, y + side / 2 + 16, "12px", NAME - 12);
    for (let i = 0; i < wide; i++)
      pen.drawImage(image, (r * wide + i) * side, 0, side, side, EDGE + NAME + i * (side + GAP), y, side, side);
  });
  return new Promise((made) => canvas.toBlob(made, "image/png"));
}
