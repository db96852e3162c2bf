// When was it decided: by factor, the share of seeds whose belief already says what it ends with, for every row.
import { make } from "../kit/dom.js";
import { middle, percent } from "../kit/numbers.js";
import { place } from "./axis.js";
import { FIRST, measureOf, titleOf } from "./decided.js";
import { shape } from "./shapes.js";

/** @typedef {import("./axis.js").Axis} Axis */
/** @typedef {import("./state.js").Figure} Figure */
/** @typedef {import("./types.js").Laid} Laid */
/** @typedef {(number | null)[]} Values a value a step */
/**
 * @typedef {object} Line of a row
 * @property {number} row
 * @property {Values} values
 * @property {Values} [low]
 * @property {Values} [high]
 * @property {number[]} [sure] share of seeds that read as a picture; below a half the line is dashed
 * @property {number[]} [commit] the step from which it stays, by seed
 */
/** @typedef {{ rows: Laid[], axis: Axis, chosen: string }} Shown chosen: the arm whose interval is drawn */
/** @typedef {{ x: (tick: number) => number, y: (value: number) => number }} Scale */

const BOX = { width: 260, height: 92, left: 34, right: 8, top: 6, bottom: 12 }; // px
const WIDE = BOX.width - BOX.left - BOX.right, TALL = BOX.height - BOX.top - BOX.bottom;

/**
 * @param {Axis} axis
 * @param {number} top
 * @returns {Scale}
 */
const scaleOf = (axis, top) => ({
  x: (tick) => BOX.left + WIDE * place(axis, tick), y: (value) => BOX.top + TALL * (1 - Math.min(1, value / top)),
});

/**
 * A value of a figure in words; shares go up to 1.
 * @param {number | null} value
 * @param {number} top of the scale
 */
const inWords = (value, top) => (top === 1 ? percent(value) : value?.toFixed(2) ?? "–");

/**
 * What a figure shows, for those who do not see it: of every row where it begins, where it ends and when it was decided.
 * @param {string} title
 * @param {Line[]} lines
 * @param {Laid[]} rows
 * @param {number} top
 */
export function saidOf(title, lines, rows, top) {
  const said = lines.map(({ row, values, commit }) => {
    const at = commit ? middle(commit) : null;
    const decided = at === null ? "" : `, decided at step ${at + 1} of ${values.length}`;
    return `${rows[row].title} from ${inWords(values[0], top)} to ${inWords(values[values.length - 1], top)}${decided}`;
  });
  return `${title}: ${said.join("; ") || "nothing was read"}`;
}

/**
 * @param {Scale} scale
 * @param {number} top
 */
const grid = (scale, top) => [0, top / 2, top].flatMap((value) => {
  const y = scale.y(value), text = top === 1 ? `${Math.round(100 * value)}${value === 1 ? " %" : ""}` : value.toFixed(1);
  return [
    shape("line", { x1: BOX.left, x2: BOX.width - BOX.right, y1: y, y2: y, class: "cv-grid" }),
    shape("text", { x: BOX.left - 5, y: y + 3, class: "cv-mark", "text-anchor": "end" }, text),
  ];
});

/**
 * @param {Line} line
 * @param {Scale} scale
 * @param {Shown} shown
 */
function lineShapes(line, scale, { rows, axis, chosen }) {
  const row = rows[line.row], colour = `var(--arm-${row.tone})`, ticks = line.values.map((_, i) => axis.tick(line.row, i));
  /** @param {number} i */
  const from = (i) => scale.x(ticks[i]);
  /** @param {number} i */
  const upto = (i) => scale.x(i + 1 < ticks.length ? ticks[i + 1] : axis.count - 1); // a belief holds until the next one
  /** @type {SVGElement[]} */
  const found = [];
  const { low, high, sure, commit } = line;
  if (low && high && row.arm === chosen) { // one row's interval at a time: three would hide each other
    const over = high.map((v, i) => `${from(i)} ${scale.y(v ?? 0)} ${upto(i)} ${scale.y(v ?? 0)}`);
    const under = low.map((v, i) => `${upto(i)} ${scale.y(v ?? 0)} ${from(i)} ${scale.y(v ?? 0)}`).reverse();
    found.push(shape("polygon", { points: [...over, ...under].join(" "), fill: colour, class: "cv-band" }));
  }
  for (const solid of [true, false]) { // where it does not read as a picture its labels are guesses: dashed
    let path = "", joined = false;
    line.values.forEach((value, i) => {
      joined &&= value !== null && (sure ? sure[i] >= 0.5 : true) === solid;
      if (value === null || (sure ? sure[i] >= 0.5 : true) !== solid) return;
      path += `${joined ? "L" : "M"}${from(i)} ${scale.y(value)}L${upto(i)} ${scale.y(value)}`;
      joined = true;
    });
    if (path) found.push(shape("path", { d: path, stroke: colour, class: solid ? "cv-line" : "cv-line cv-guess" }));
  }
  const at = commit ? middle(commit) : null;
  if (at !== null) {
    const d = `M${scale.x(axis.tick(line.row, at))} ${BOX.height - BOX.bottom + 1}l4.5 8h-9z`;
    const mark = shape("path", { d, fill: colour, class: "cv-commit" });
    const said = `${row.title}: decided at step ${at + 1} of ${line.values.length} (median over seeds)`;
    mark.append(shape("title", {}, said));
    found.push(mark);
  }
  return found;
}

/**
 * One small figure.
 * @param {string} title
 * @param {string} about
 * @param {Line[]} lines
 * @param {Shown} shown
 * @param {number} top of the scale
 * @returns {Figure}
 */
function curveFigure(title, about, lines, shown, top) {
  const { axis, rows } = shown, box = make("figure", "cv"), head = make("figcaption"), now = make("span", "cv-now");
  const plot = make("div", "cv-plot"), cursor = make("i", "sc-cursor"), scale = scaleOf(axis, top);
  const label = saidOf(title, lines, rows, top);
  const svg = shape("svg", { viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: "img", "aria-label": label });
  head.append(make("b", "", title), now, ...(about ? [make("small", "", about)] : []));
  svg.append(...grid(scale, top), ...lines.flatMap((line) => lineShapes(line, scale, shown)));
  plot.append(svg, cursor);
  box.append(head, plot);
  const figures = lines.map((line) => {
    const part = make("i");
    part.style.color = `var(--said-${rows[line.row].tone})`;
    return part;
  });
  now.append(...figures);
  return {
    box,
    move: (tick) => {
      cursor.style.transform = `translateX(${(scale.x(tick) * plot.clientWidth) / BOX.width}px)`;
    },
    say: (tick) => lines.forEach((line, k) => {
      figures[k].textContent = inWords(line.values[axis.index(line.row, tick)], top);
    }),
  };
}

/**
 * All figures of a table. `all`: also the factors that are folded away at first.
 * @param {import("./types.js").Table} table
 * @param {Shown} shown
 * @param {boolean} all
 */
export function curveFigures(table, shown, all) {
  const found = shown.rows.flatMap((row, k) => {
    const arm = table.arms[row.arm];
    return arm && arm.distance.q50.length === row.steps.length ? [{ row: k, arm }] : [];
  });
  if (table.kind !== "oracle") {
    const lines = found.map(({ row, arm: { distance: { q25, q50, q75, commit } } }) => ({
      row, values: q50, low: q25, high: q75, commit,
    }));
    const top = Math.max(1.5, ...lines.flatMap((line) => line.high.map((value) => value ?? 0)));
    return [curveFigure("distance to the end", `${measureOf(table)}; 1 = two samples of the prompt`, lines, shown, top)];
  }
  const figures = table.factors.slice(0, all ? undefined : FIRST).map(({ name, stated }) => {
    const lines = found.map(({ row, arm }) => {
      const { equal, low, high, commit } = arm.factors[name];
      return { row, values: equal, low, high, commit, sure: arm.accepted };
    });
    return curveFigure(titleOf(table, name), stated ? `asked for: ${stated}` : "", lines, shown, 1);
  });
  if (!all) return figures;
  const lines = found.map(({ row, arm }) => ({ row, values: arm.accepted }));
  return [...figures, curveFigure("reads as a picture", "share the oracle takes for a scene", lines, shown, 1)];
}
