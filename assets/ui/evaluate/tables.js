// Tables of an evaluation as nodes: shares with their intervals as bars, differences around zero, figures with their meaning.
import { button, make, tone } from "../kit/dom.js";
import { unbroken } from "../kit/numbers.js";

/** @typedef {{ text: string, reach: string, at: number | null, low: number | null, high: number | null }} Cell */
/** @typedef {{ title: string, tone: string, cells: Cell[] }} Row */
/** @typedef {{ heads: string[], rows: Row[], note: string }} Scores */
/** @typedef {{ title: string, cell: Cell, widest: number, prompts: string, split: string, right: string }} Gap */
/** @typedef {{ question: string, kind: string, n: number, cells: Cell[], instead: string }} Failing */
/** @typedef {{ title: string, about: string, better: string, cells: Cell[] }} Figure */
/** @typedef {{ titles: string[], rows: Figure[], note: string }} Figures */
/** @typedef {{ title: string, n: string, cells: Cell[] }} Tested */
/** @typedef {{ title: string, said: string, heads: string[], rows: Tested[], note: string }} Trust */

/**
 * Where an interval lies on a bar from `from` to `to`, in percent of it; null where there is none. No page needed.
 * @param {Cell} cell
 * @param {number} from
 * @param {number} to
 */
export function placed({ at, low, high }, from = 0, to = 1) {
  if (at === null || low === null || high === null) return null;
  const share = (/** @type {number} */ x) => Math.max(0, Math.min(100, (100 * (x - from)) / (to - from)));
  return { left: share(low), width: Math.max(1, share(high) - share(low)), at: share(at) };
}

/**
 * @param {Cell} cell
 * @param {number} from
 * @param {number} to
 */
function bar(cell, from = 0, to = 1) {
  const track = make("span", "ev-bar"), found = placed(cell, from, to);
  if (!found) return [];
  track.append(
    Object.assign(make("i", "ev-reach"), { style: `left: ${found.left}%; width: ${found.width}%` }),
    Object.assign(make("i", "ev-dot"), { style: `left: ${found.at}%` }),
  );
  track.setAttribute("aria-hidden", "true");
  return [track];
}

/**
 * @param {string} label
 * @param {Cell} cell
 * @param {boolean} drawn with a bar
 */
function figure(label, cell, drawn = true) {
  const box = make("td");
  box.dataset.label = label;
  box.append(make("b", "", unbroken(cell.text)), ...(cell.reach ? [" ", make("small", "", cell.reach)] : []));
  if (drawn) box.append(...bar(cell));
  return box;
}

/** @param {string[]} heads */
function head(heads) {
  const top = make("thead"), row = make("tr");
  row.append(...heads.map((text) => Object.assign(make("th", "", text), { scope: "col" })));
  top.append(row);
  return top;
}

/** @param {Scores} scores */
export function scoreNodes({ heads, rows }) {
  const body = make("tbody");
  body.append(...rows.map((row) => {
    const tr = make("tr"), name = Object.assign(make("th"), { scope: "row" });
    tone(name, `--arm-${row.tone}`);
    name.append(make("i"), row.title);
    tr.append(name, ...row.cells.map((cell, i) => figure(heads[i + 1], cell)));
    tone(tr, `--arm-${row.tone}`);
    return tr;
  }));
  return [head(heads), body];
}

/** @param {Gap[]} rows */
export const gapNodes = (rows) => rows.map(({ title, cell, widest, prompts, split, right }) => {
  const box = make("div", "ev-gap"), track = make("div", "ev-zero"), words = make("p");
  track.append(...bar(cell, -widest, widest));
  words.append(unbroken(prompts), make("br"), unbroken(split), make("br"), unbroken(right));
  const value = make("span", "ev-points");
  value.append(make("b", "", cell.text), " ", make("small", "", cell.reach));
  box.append(make("b", "ev-of", title), value, track, words);
  return box;
});

/**
 * @param {Failing[]} rows
 * @param {string[]} titles of candidates
 * @param {number} own
 * @param {number} beside -1 for none
 */
export function failingNodes(rows, titles, own, beside) {
  const shown = beside < 0 ? [own] : [own, beside], body = make("tbody");
  const heads = ["question", ...shown.map((k) => titles[k]), "asked", "seen instead"];
  body.append(...rows.map((row) => {
    const tr = make("tr"), name = Object.assign(make("th"), { scope: "row" }), n = make("td");
    const instead = make("td", "ev-instead", row.instead || "–");
    name.append(Object.assign(button("ev-question", row.question, { question: row.question }), { title: "Show its failures" }));
    n.dataset.label = "asked";
    n.append(make("b", "", row.n));
    instead.dataset.label = "seen instead";
    tr.append(name, ...shown.map((k) => figure(titles[k], row.cells[k])), n, instead);
    return tr;
  }));
  return [head(heads), body];
}

/** @param {Figures} figures */
export function figureNodes({ titles, rows }) {
  const body = make("tbody");
  body.append(...rows.map((row) => {
    const tr = make("tr"), name = Object.assign(make("th"), { scope: "row" }), about = make("small", "ev-about", row.about);
    name.append(row.title, ...(row.better ? [make("small", "ev-better", row.better)] : []), about);
    tr.append(name, ...row.cells.map((cell, i) => figure(titles[i], cell, false)));
    return tr;
  }));
  return [head(["figure", ...titles]), body];
}

/** @param {Trust[]} tested */
export const trustNodes = (tested) => tested.map(({ title, said, heads, rows, note }) => {
  const card = make("section", "card p-table"), scroll = make("div", "shelf-scroll"), table = make("table", "figures");
  const body = make("tbody");
  body.append(...rows.map((row) => {
    const tr = make("tr"), n = make("td"), name = Object.assign(make("th", "", row.title), { scope: "row" });
    n.dataset.label = "samples";
    n.append(make("b", "", row.n));
    tr.append(name, ...row.cells.map((cell, i) => figure(heads[i + 1], cell)), n);
    return tr;
  }));
  table.append(head(heads), body);
  scroll.append(table);
  card.append(make("h3", "shelf-head", `How far ${title} can be trusted`));
  if (said) card.append(make("p", "ev-said", unbroken(said)));
  card.append(scroll, make("p", "table-note", note));
  return card;
});
