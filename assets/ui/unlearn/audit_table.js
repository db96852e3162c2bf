// Attacks of an audit as a table, and one of them with its pictures, as nodes.
import { button, file, make } from "../kit/dom.js";
import { css } from "../kit/figure.js";

/** @typedef {{ text: string, reach: string, n: number | null }} Cell */
/** @typedef {{ name: string, pictures: { file: string, hit: boolean }[] }} Shown */
/**
 * @typedef {object} Attacked
 * @property {string} attack
 * @property {string} title
 * @property {string} what the row that the verdict speaks of
 * @property {string} outcome
 * @property {string} said
 * @property {Cell[]} cells
 * @property {string} spent
 * @property {{ name: string, cells: Cell[] }[]} rows
 * @property {number} told
 * @property {Shown[]} pictures
 * @property {{ name: string, text: string }[]} quotes
 * @property {string | null} curve plotly's JSON
 * @property {string} reached
 */
/** @typedef {{ title: string, now: boolean }} Waiting */

/** @param {string[]} heads */
function head(heads) {
  const box = make("thead"), top = make("tr");
  top.append(...heads.map((text) => Object.assign(make("th", "", text), { scope: "col" })));
  box.append(top);
  return box;
}

/**
 * @param {Cell} cell
 * @param {string} label
 */
function share(cell, label) {
  const box = make("td", "a-share");
  box.dataset.label = label;
  box.append(make("b", "", cell.text), " ", make("small", "", cell.reach));
  if (cell.n) box.append(make("small", "a-n", `n ${cell.n}`));
  return box;
}

/**
 * A line an attack, failures first, then those that are still to come.
 * @param {string[]} heads
 * @param {Attacked[]} rows
 * @param {Waiting[]} waiting
 */
export function attackNodes(heads, rows, waiting) {
  const body = make("tbody"), models = heads.length - 3;
  body.append(...rows.map((row) => {
    const tr = make("tr"), name = Object.assign(make("th"), { scope: "row" }), said = make("td", "a-outcome");
    const pick = button("a-pick", row.title, { attack: row.attack }), took = make("td", "a-took", row.spent);
    name.append(pick, make("small", "a-what", row.what));
    said.dataset.outcome = row.outcome;
    said.append(make("i"), row.said);
    took.dataset.label = heads[heads.length - 1];
    tr.append(name, ...row.cells.map((cell, i) => share(cell, heads[i + 1])), said, took);
    return tr;
  }), ...waiting.map(({ title, now }) => {
    const tr = make("tr", "a-waiting"), name = Object.assign(make("th", "", title), { scope: "row" });
    const said = Object.assign(make("td", now ? "a-now" : "", now ? "going on" : "waiting"), { colSpan: models + 2 });
    tr.append(name, said);
    return tr;
  }));
  return [head(heads), body];
}

/**
 * All rows of one attack, with the told one in bold.
 * @param {string[]} heads
 * @param {Attacked} one
 */
export function rowNodes(heads, one) {
  const body = make("tbody"), models = heads.slice(1, -2);
  body.append(...one.rows.map((row, i) => {
    const tr = make("tr", i === one.told ? "a-told" : ""), name = Object.assign(make("th", "", row.name), { scope: "row" });
    tr.append(name, ...row.cells.map((cell, k) => share(cell, models[k])));
    return tr;
  }));
  return [head(["", ...models]), body];
}

/**
 * Pictures of the told row, those that show the concept first and marked.
 * @param {string} run
 * @param {Shown[]} shown
 */
export const pictureNodes = (run, shown) => shown.map(({ name, pictures }) => {
  const box = make("figure", "a-pictures"), line = make("div"), hits = pictures.filter((one) => one.hit).length;
  line.append(...pictures.map((one) => {
    const cell = make("span", "a-picture"), image = new Image();
    cell.dataset.hit = String(one.hit);
    image.src = file(run, one.file);
    image.alt = `${name}, ${one.hit ? "shows it" : "does not show it"}`;
    cell.append(image);
    return cell;
  }));
  box.append(make("figcaption", "", `${name}: ${hits} of these ${pictures.length} show it`), line);
  return box;
});

/** @param {Attacked["quotes"]} quotes */
export const quoteNodes = (quotes) => quotes.map(({ name, text }) => {
  const line = make("li", "", `${name}: `);
  line.append(make("q", "", text));
  return line;
});

const EDGE = 20, SIDE = 96, GAP = 6, NAME = 150;

/**
 * Pictures of one attack as a PNG, a row a model.
 * @param {string} title
 * @param {HTMLElement} box that holds them
 * @returns {Promise<Blob | null>}
 */
export async function drawn(title, box) {
  const rows = [...box.querySelectorAll("figure")], pen = document.createElement("canvas").getContext("2d");
  if (!rows.length || !pen) return null;
  const most = Math.max(...rows.map((row) => row.querySelectorAll("img").length)), font = css(box, "--font") || "sans-serif";
  pen.canvas.width = 2 * EDGE + NAME + most * (SIDE + GAP);
  pen.canvas.height = 2 * EDGE + 34 + rows.length * (SIDE + GAP);
  pen.fillStyle = css(box, "--card");
  pen.fillRect(0, 0, pen.canvas.width, pen.canvas.height);
  pen.fillStyle = css(box, "--ink");
  pen.font = `600 16px ${font}`;
  pen.fillText(title, EDGE, EDGE + 16, pen.canvas.width - 2 * EDGE);
  for (const [r, row] of rows.entries()) {
    const y = EDGE + 34 + r * (SIDE + GAP);
    pen.font = `12px ${font}`;
    pen.fillStyle = css(box, "--ink");
    pen.fillText(row.querySelector("figcaption")?.textContent ?? "", EDGE, y + SIDE / 2, NAME - 12);
    for (const [i, image] of row.querySelectorAll("img").entries()) {
      await image.decode();
      const x = EDGE + NAME + i * (SIDE + GAP);
      pen.drawImage(image, x, y, SIDE, SIDE);
      if (image.parentElement?.dataset.hit !== "true") continue;
      pen.strokeStyle = css(box, "--bad");
      pen.lineWidth = 3;
      pen.strokeRect(x + 1.5, y + 1.5, SIDE - 3, SIDE - 3);
    }
  }
  return new Promise((made) => pen.canvas.toBlob(made, "image/png"));
}
