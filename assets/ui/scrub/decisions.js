// The cards below the wall: when it was decided, and what was seen on the way and is gone at the end.
import { attr, button, file, make, put, tone } from "../kit/dom.js";
import { curveFigures } from "./curves.js";
import { decidedWords, FIRST, goneWords, measureOf } from "./decided.js";
import { cellX, cellY } from "./grid.js";
import { context } from "./shapes.js";
import { sayNow } from "./words.js";

/** @typedef {import("./state.js").Scrub} Scrub */
/** @typedef {import("./types.js").Gone} Gone */
/** @typedef {import("./types.js").Table} Table */

const LISTED = 24, SIDE_PX = 96;
const SHARES = "Share of seeds whose x̂₀ already says what the last picture says, as the oracle reads it, with the 95 % " +
  "interval (Wilson) of the chosen row. Dashed: fewer than half read as a picture there, so their labels are guesses. " +
  "Triangles: the step from which it stays, median over seeds.";
const NOTHING = "Nothing: every thing that showed itself in a readable x̂₀ is in the last picture.";
const GONE = "What the oracle read in a clear x̂₀ and no longer reads at the end. Press one to see the frame, and judge.";

/**
 * Reads the table of the run; until a branch has its own, its parent's stays.
 * @param {Scrub} s
 */
export async function readTable(s) {
  const { timeline } = s.view, wanted = timeline ? file(s.home, timeline) : "";
  if (!s.table) drawDecisions(s);
  if (!wanted || wanted === s.tableFrom) return;
  s.tableFrom = wanted;
  try {
    /** @type {Table} */
    const found = JSON.parse(await (await s.load(timeline)).text());
    if (s.tableFrom !== wanted) return;
    s.table = found;
    drawDecisions(s);
    sayNow(s);
  } catch {
    if (s.tableFrom === wanted) s.tableFrom = "";
  }
}

/** @param {Scrub} s */
export function drawDecisions(s) {
  const { table } = s;
  s.$(".sc-decided").hidden = s.$(".sc-lost").hidden = !table;
  s.figures = [];
  if (!table) return;
  s.figures = curveFigures(table, { rows: s.rows, axis: s.axis, chosen: s.chosen.arm }, s.all);
  s.$(".sc-curves").replaceChildren(...s.figures.map((figure) => figure.box));
  const oracle = table.kind === "oracle", more = s.$(".sc-more");
  more.hidden = !oracle;
  attr(more, "aria-expanded", s.all);
  put(more, s.all ? "fewer" : `${table.factors.length - FIRST + 1} more`);
  s.$(".sc-lead").replaceChildren(...decidedWords(table, s.rows, s.chosen.arm).map((part) => {
    if (typeof part === "string") return part;
    const name = make("span", "named", part[0].title);
    tone(name, `--arm-${part[0].tone}`);
    return name;
  }));
  const distances = `Distance of x̂₀ to its end ${measureOf(table)}, quartiles over seeds; 1 is the mean distance between ` +
    "two of the teacher's pictures. Triangles: half of that, for good, median over seeds.";
  put(s.$(".sc-note"), oracle ? SHARES : distances);
  for (const figure of s.figures) {
    figure.move(s.tick);
    figure.say(s.tick);
  }
  drawGone(s, table);
}

/**
 * @param {Scrub} s
 * @param {Table} table
 */
function drawGone(s, table) {
  const box = s.$(".sc-gone"), oracle = table.kind === "oracle", rest = table.lost - LISTED;
  /** @param {string} text */
  const line = (text) => make("p", "sc-none", text);
  if (!table.vanished.length) {
    box.replaceChildren(line(oracle ? NOTHING : "No sample turned back on its way."));
    return;
  }
  const items = table.vanished.slice(0, LISTED).map((item) => goneItem(s, table, item));
  box.replaceChildren(...(oracle ? [line(GONE)] : []), ...items, ...(rest > 0 ? [line(`and ${rest} more`)] : []));
  gonePictures(s);
}

/**
 * @param {Scrub} s
 * @param {Table} table
 * @param {Gone} item
 */
function goneItem(s, table, item) {
  const { arm, seed, strongest: step } = item, row = s.rows[s.rowOf(arm)], [whose, what] = goneWords(table, item);
  const node = button("sc-item", undefined, { arm, seed, step }), canvas = make("canvas"), words = make("span");
  tone(node, `--arm-${row.tone}`);
  canvas.width = canvas.height = SIDE_PX;
  words.append(make("b", "", `${row.title}, ${whose}`), make("small", "", what));
  node.append(canvas, words);
  return node;
}

/**
 * Pictures of what is gone, as far as their strips are there.
 * @param {Scrub} s
 */
export function gonePictures(s) {
  const { form } = s.strips;
  for (const item of s.element.querySelectorAll(".sc-item")) {
    const canvas = item.querySelector("canvas");
    if (!form || !canvas || canvas.dataset.done || !(item instanceof HTMLElement)) continue;
    const { arm, seed, step } = item.dataset, row = s.rows[s.rowOf(String(arm))], k = s.seeds.indexOf(Number(seed));
    const bitmap = s.strips.get(row?.strips[Number(step)]), { side } = form;
    if (!bitmap) continue;
    context(canvas).drawImage(bitmap, cellX(form, k), cellY(form, k), side, side, 0, 0, SIDE_PX, SIDE_PX);
    canvas.dataset.done = "1";
  }
}
