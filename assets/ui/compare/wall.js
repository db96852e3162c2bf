// The parts of a wall of pictures: rows = arms, columns = seeds.
import { attr, button, file, find, make, rebuild, tone } from "../kit/dom.js";
import { leastWidth, waiting } from "./choice.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").View} View */
/** @typedef {{ cells: Map<string, HTMLElement>, metas: Map<string, HTMLElement> }} Wall cells by `cellOf`, labels by arm */

const MOST_STEPS = 8; // in a row, each as a mark of its own

/**
 * @param {string} arm
 * @param {number} seed
 */
export const cellOf = (arm, seed) => `${arm}/${seed}`;

/** @param {import("./types.js").Glyph} glyph */
function marks(glyph) {
  return glyph.flatMap(([role, count]) => {
    if (count <= MOST_STEPS) return Array.from({ length: count }, () => make("i", `g-step g-${role}`));
    const bar = make("i", `g-run g-${role}`);
    bar.append(make("span", "", `×${count}`));
    return [bar];
  });
}

/** @param {Row} row */
function label(row) {
  const meta = make("div", "w-meta"), name = make("div", "w-name"), glyph = make("span", "glyph");
  tone(meta, `--arm-${row.tone}`);
  meta.title = row.meaning;
  glyph.append(...marks(row.glyph));
  name.append(make("b", "", row.title), glyph);
  meta.append(name, make("div", "w-figures"));
  return meta;
}

/**
 * @param {Row} row
 * @param {number} seed
 */
function emptyCell(row, seed) {
  const cell = button("w-cell", undefined, { arm: row.arm, seed });
  tone(cell, `--arm-${row.tone}`);
  attr(cell, "aria-label", `${row.title}, seed ${seed}: not drawn yet`);
  return cell;
}

/**
 * Lays out an empty wall.
 * @param {HTMLElement} box
 * @param {View} view
 * @returns {Wall}
 */
export function build(box, view) {
  /** @type {Wall} */
  const wall = { cells: new Map(), metas: new Map() };
  box.style.setProperty("--n", String(view.seeds.length));
  box.style.setProperty("--least", leastWidth(view.seeds.length));
  const heads = view.seeds.map((seed) => {
    const head = make("div", "w-seed", seed);
    head.dataset.seed = String(seed);
    return head;
  });
  box.replaceChildren(make("div", "w-corner", "seed"), ...heads);
  for (const row of view.rows) {
    const meta = label(row);
    wall.metas.set(row.arm, meta);
    box.append(meta);
    for (const seed of view.seeds) {
      const cell = emptyCell(row, seed);
      wall.cells.set(cellOf(row.arm, seed), cell);
      box.append(cell);
    }
  }
  return wall;
}

/**
 * [name, value, ends of its interval] of what is measured.
 * @param {import("./types.js").Figures} f
 */
const linesOf = (f) => [["diversity", f.diversity, f.diversity_ci], ["accuracy", f.accuracy, f.accuracy_ci],
  ...(f.score ? [["text score", f.score, f.score_ci]] : [])];

/** @param {import("./types.js").Figures} f */
const readBy = (f) => `read by ${f.by}`;

/**
 * @param {HTMLElement} meta
 * @param {Row} row
 * @param {View} view
 */
export function drawFigures(meta, row, view) {
  const box = find(".w-figures", meta), f = row.figures;
  if (!f) {
    const text = waiting(row, view.seeds.length, view.live);
    if (box.textContent !== text) box.replaceChildren(make("span", "w-wait", text));
    return;
  }
  rebuild(box, JSON.stringify(f), () => {
    const drawn = linesOf(f).map(([name, value, ends]) => {
      const line = make("div", "w-figure");
      if (name === "accuracy" && f.why) line.title = f.why;
      line.append(make("span", "", name), make("b", "", value), make("small", "", ends));
      return line;
    });
    const less = f.unread ? [make("div", "w-by", f.unread)] : [];
    const cost = make("div", "w-cost", `${f.nfe} NFE · ${f.seconds}`);
    return [...drawn, ...less, cost, ...(f.by ? [make("div", "w-by", readBy(f))] : [])];
  });
}

/**
 * Puts a finished picture into its cell once it is loaded; one that is there stays.
 * @param {HTMLElement} cell
 * @param {Row} row
 * @param {number} seed
 * @param {View} view
 */
export function drawPicture(cell, row, seed, view) {
  const path = row.images[seed];
  if (!path || cell.dataset.path === path) return;
  cell.dataset.path = path;
  const image = new Image();
  image.alt = `${row.title}, seed ${seed}: ${view.prompt}`;
  image.draggable = true;
  image.onload = () => {
    cell.replaceChildren(image);
    cell.dataset.done = "1";
    cell.style.backgroundImage = "";
  };
  image.src = file(view.run, path);
  attr(cell, "aria-label", `${row.title}, seed ${seed}`);
}

/**
 * One JPEG holds this step of every seed side by side. It is shown only once loaded, so that a slow line drops previews instead
 * of blinking. `isShown` says whether the wall still shows this run.
 * @param {Wall} wall
 * @param {Row} row
 * @param {View} view
 * @param {(run: string) => boolean} isShown
 */
export function drawStrip(wall, row, view, isShown) {
  const strip = row.strip, meta = wall.metas.get(row.arm);
  if (!strip || !meta || meta.dataset.strip === strip.strip) return;
  meta.dataset.strip = strip.strip;
  const url = file(view.run, strip.strip), image = new Image();
  image.onload = () => {
    if (!isShown(view.run) || Number(meta.dataset.step ?? -1) > strip.step) return;
    meta.dataset.step = String(strip.step);
    view.seeds.forEach((seed, column) => {
      const cell = wall.cells.get(cellOf(row.arm, seed));
      if (!cell || cell.dataset.done || column >= strip.count) return;
      cell.dataset.preview = "1";
      cell.style.backgroundImage = `url("${url}")`;
      cell.style.backgroundSize = `${strip.count * 100}% 100%`;
      cell.style.backgroundPosition = `${strip.count > 1 ? (100 * column) / (strip.count - 1) : 0}% 0`;
    });
  };
  image.src = url;
}

/**
 * The wall as it is saved.
 * @param {View} view
 * @returns {import("../kit/sheet.js").Sheet}
 */
export function sheetOf(view) {
  const rows = view.rows.map((row) => {
    const f = row.figures;
    const notes = f ? [...linesOf(f).map((line) => line.join(" ")), `${f.nfe} NFE · ${f.seconds}`,
      ...(f.by ? [readBy(f)] : [])] : [];
    /** @param {number} seed */
    const cell = (seed) => (row.images[seed] ? { address: file(view.run, row.images[seed]), note: "" } : null);
    return { title: row.title, tone: row.tone, notes, cells: view.seeds.map(cell) };
  });
  return { title: `“${view.prompt}”`, heads: view.seeds.map((seed) => `seed ${seed}`), rows };
}
