// The retention matrix and where the concept went, as nodes.
import { make } from "../kit/dom.js";

/** @typedef {{ text: string, reach: string, at: number | null, low: number | null, high: number | null }} Cell */
/** @typedef {{ name: string, n: number, before: Cell, after: Cell, light: string, word: string }} Row */
/** @typedef {{ part: string, title: string, about: string, rows: Row[] }} MatrixPart */
/** @typedef {{ name: string, kind: string, share: number, text: string, reach: string }} Went */

const HEADS = ["", "before", "after", "○ before, ● after", "n", ""];
const KINDS = { concept: "what was to go", becomes: "what it was to become", unknown: "", "": "" };

/**
 * Where an interval lies from 0 to 100 %, as the percentages of a bar. No page needed.
 * @param {Cell} cell
 */
export function place({ at, low, high }) {
  if (at === null || low === null || high === null) return null;
  return { left: 100 * low, width: Math.max(1, 100 * (high - low)), at: 100 * at };
}

/**
 * @param {string} kind "before" or "after"
 * @param {Cell} cell
 */
function reach(kind, cell) {
  const found = place(cell), line = make("i", `u-reach u-${kind}`);
  if (!found) return [];
  line.style.left = `${found.left}%`;
  line.style.width = `${found.width}%`;
  const dot = make("i", `u-dot u-${kind}`);
  dot.style.left = `${found.at}%`;
  return [line, dot];
}

/**
 * @param {string} label
 * @param {Cell} cell
 */
function figure(label, cell) {
  const box = make("td");
  box.dataset.label = label;
  box.append(make("b", "", cell.text), " ", make("small", "", cell.reach));
  return box;
}

/** @param {Row} row */
function line(row) {
  const tr = make("tr"), name = Object.assign(make("th", "", row.name), { scope: "row" }), bar = make("td", "u-bar");
  const track = make("span"), n = make("td"), light = make("td", "u-light");
  track.append(...reach("before", row.before), ...reach("after", row.after));
  bar.append(track);
  n.dataset.label = "n";
  n.append(make("b", "", row.n));
  light.dataset.light = row.light;
  if (row.word) light.append(make("i"), row.word);
  tr.append(name, figure("before", row.before), figure("after", row.after), bar, n, light);
  return tr;
}

/** @param {MatrixPart[]} parts */
export function matrixNodes(parts) {
  const head = make("thead"), top = make("tr");
  top.append(...HEADS.map((text) => (text ? Object.assign(make("th", "", text), { scope: "col" }) : make("td"))));
  head.append(top);
  return [head, ...parts.map((part) => {
    const body = make("tbody"), title = make("tr", "u-part"), cell = Object.assign(make("th", "", part.title), { colSpan: 6 });
    cell.append(" ", make("small", "", part.about));
    title.append(cell);
    body.append(title, ...part.rows.map(line));
    return body;
  })];
}

/** @param {Went[]} went */
export const wentNodes = (went) => went.map(({ name, kind, share, text, reach: ends }) => {
  const box = make("div", "u-gone"), head = make("p"), bar = make("span"), said = KINDS[/** @type {keyof KINDS} */ (kind)];
  box.dataset.kind = kind;
  head.append(make("b", "", name), ...(said ? [make("small", "", said)] : []));
  head.append(make("span", "", text), make("small", "u-ends", ends));
  bar.append(Object.assign(make("i"), { style: `width: ${100 * share}%` }));
  box.append(head, bar);
  return box;
});
