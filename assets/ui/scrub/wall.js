// The wall of the scrubber: its rows and cells, how they stand on the page, and which options are set.
import { all, attr, button, make, put, tone } from "../kit/dom.js";
import { noise } from "../kit/numbers.js";
import { coarseToFine } from "./axis.js";
import { onPage } from "./grid.js";
import { redraw } from "./paint.js";
import { drawSchedule } from "./schedule.js";
import { context } from "./shapes.js";
import { sayNow } from "./words.js";

/** @typedef {import("./state.js").Scrub} Scrub */
/** @typedef {import("./types.js").Laid} Laid */

/**
 * @param {Laid} row
 * @param {number[]} seeds
 * @returns {import("./state.js").Lane}
 */
function laneOf(row, seeds) {
  const meta = button("sc-meta", undefined, { arm: row.arm }), at = make("span", "sc-at"), where = make("span", "sc-where");
  meta.title = row.meaning;
  meta.append(make("b", "", row.title), make("small", "sc-about", row.about), at, where);
  const lane = make("div", "sc-lane"), canvas = make("canvas"), cells = make("div", "sc-cells");
  attr(canvas, "role", "img");
  cells.append(...seeds.map((seed) => {
    const cell = button("sc-cell", undefined, { arm: row.arm, seed });
    attr(cell, "aria-label", `${row.title}, seed ${seed}`);
    cell.tabIndex = -1;
    return cell;
  }));
  lane.append(canvas, cells);
  for (const node of [meta, lane]) tone(node, `--arm-${row.tone}`);
  return { meta, at, where, lane, canvas, cells, ctx: context(canvas), shown: -1 };
}

/**
 * @param {Laid} row
 * @returns {import("./state.js").Large}
 */
function largeOf(row) {
  const figure = make("figure", "sc-one"), canvas = make("canvas"), words = make("figcaption", "", row.title);
  figure.dataset.arm = row.arm;
  tone(figure, `--arm-${row.tone}`);
  figure.append(canvas, words);
  return { figure, canvas, words, ctx: context(canvas) };
}

/** @param {Scrub} s */
export function buildWall(s) {
  const heads = make("div", "sc-heads");
  heads.append(...s.seeds.map((seed) => button("w-seed", seed, { seed })));
  s.lanes = s.rows.map((row) => laneOf(row, s.seeds));
  s.large = s.rows.map(largeOf);
  const corner = make("div", "w-corner", "seed");
  s.$(".sc-wall").replaceChildren(corner, heads, ...s.lanes.flatMap((part) => [part.meta, part.lane]));
  s.$(".sc-large").replaceChildren(...s.large.map((part) => part.figure));
}

/**
 * Sizes in CSS: how many pictures stand in a line, and how large. What the canvases hold follows from their strips.
 * @param {Scrub} s
 */
export function layout(s) {
  const width = s.lanes[0]?.lane.clientWidth;
  if (!s.rows.length || !width) return; // the tab is not shown
  const grid = onPage(width, s.seeds.length), heads = s.$(".sc-heads");
  if (s.strips.arrange(s.seeds.length, grid.columns)) want(s);
  for (const { canvas, cells } of s.lanes) {
    canvas.style.width = `${grid.width}px`;
    canvas.style.height = `${grid.height}px`;
    cells.style.gridAutoRows = `${grid.cell}px`;
  }
  for (const node of [...s.lanes.map((part) => part.cells), heads]) {
    node.style.gridTemplateColumns = `repeat(${grid.columns}, ${grid.cell}px)`;
    node.style.gap = `${grid.gap}px`;
  }
  heads.hidden = s.$(".w-corner").hidden = grid.lines > 1;
  s.root.dataset.lines = String(grid.lines);
  s.slider.max = String(s.axis.count - 1);
  s.slider.value = String(s.tick);
  const schedule = s.$(".sc-schedule", SVGSVGElement);
  drawSchedule(schedule, s.rows, s.axis, s.$(".sc-track").clientWidth, (model) => s.role(model));
  redraw(s);
  sayNow(s);
}

/**
 * Shows what is chosen.
 * @param {Scrub} s
 */
export function mark(s) {
  const { arm, seed } = s.chosen;
  s.lanes.forEach(({ meta, cells }, k) => {
    const mine = s.rows[k].arm === arm;
    attr(meta, "aria-pressed", mine);
    for (const cell of all(".sc-cell", cells)) {
      const here = Number(cell.dataset.seed) === seed;
      cell.classList.toggle("on", here && mine);
      cell.classList.toggle("column", here);
      cell.tabIndex = here && mine ? 0 : -1;
    }
  });
  for (const head of all(".sc-heads .w-seed", s.element)) head.classList.toggle("on", Number(head.dataset.seed) === seed);
  s.large.forEach((part, k) => part.figure.classList.toggle("on", s.rows[k].arm === arm));
  put(s.$(".sc-seed"), String(seed));
}

/**
 * @param {import("./axis.js").Axis} axis
 * @param {number} tick
 */
const momentOf = (axis, tick) => (axis.levels ? `moment, noise ${noise(axis.levels[tick])}` : `step ${tick + 1}`);

/**
 * Which of the options are set, and what can be flickered with.
 * @param {Scrub} s
 */
export function options(s) {
  for (const one of all("button[data-sync]", s.element)) attr(one, "aria-checked", one.dataset.sync === s.sync);
  for (const one of all("button[data-show]", s.element)) attr(one, "aria-checked", one.dataset.show === s.show);
  const states = s.$("[data-show=noisy]", HTMLButtonElement), select = s.$(".sc-against", HTMLSelectElement);
  states.disabled = !s.hasNoisy && (Boolean(s.kept) || s.view.live);
  const later = "The noisy states themselves; their pictures are made when you press this";
  states.title = s.hasNoisy ? "The noisy state itself" : later;
  const key = JSON.stringify([s.pin, s.sync, s.rows.map((row) => row.arm)]);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    const pinned = s.pin === null ? [] : [new Option(`the pinned ${momentOf(s.axis, s.pin)}`, "pin")];
    const rows = s.rows.map((row) => new Option(row.title, row.arm));
    select.replaceChildren(new Option("the last picture", "end"), ...pinned, ...rows);
  }
  select.value = s.against;
}

/**
 * Asks for strips in the order in which they make the whole usable soonest.
 * @param {Scrub} s
 */
export function want(s) {
  const lengths = s.rows.map((row) => row.steps.length), order = coarseToFine(lengths), shown = s.show === "noisy" ? 2 : 1;
  const paths = [...new Set(order.map(([row, index]) => s.rows[row].strips?.[index]))];
  const noisy = shown === 2 ? [...new Set(order.map(([row, index]) => s.rows[row].noisy?.[index]))] : [];
  const total = new Set(s.rows.flatMap((row) => row.strips)).size * shown;
  s.strips.want([...noisy, ...paths], Math.max(total, lengths.reduce((sum, one) => sum + one, 0)));
}
