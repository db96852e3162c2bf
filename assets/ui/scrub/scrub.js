// The scrubber: rows = arms, columns = seeds, one slider for all. Triggers "branch" and "states".
// Everything happens here, on strips already sent: one canvas a row, drawn in the next animation frame. The same scripts run in
// an exported file, which brings the strips along.
import { remember } from "../kit/address.js";
import { attr, make, put, rebuild as fill } from "../kit/dom.js";
import { clamp, done } from "../kit/numbers.js";
import { axisOf, nearest } from "./axis.js";
import { fillBranch } from "./branch.js";
import { drawDecisions, gonePictures, readTable } from "./decisions.js";
import { listen } from "./hands.js";
import { redraw } from "./paint.js";
import { NONE, Scrub } from "./state.js";
import { buildTake } from "./take.js";
import { buildWall, layout, mark, options, want } from "./wall.js";
import { sayNow } from "./words.js";

/** @typedef {import("./types.js").Board} Board */
/** @typedef {import("./types.js").Laid} Laid */
/** @typedef {import("./types.js").Row} Row */

const NARROW_PX = 820;

/**
 * Whether a row's steps are known.
 * @param {Row} row
 * @returns {row is Laid}
 */
const isLaid = (row) => Boolean(row.steps?.length);

/**
 * A new look at the run.
 * @param {Scrub} s
 */
function draw(s) {
  const before = s.view, value = s.value;
  if (!value?.run) {
    s.view = NONE;
    s.rows = [];
    s.root.dataset.state = "empty";
    return;
  }
  const another = before.root !== value.root, early = !value.rows.some(isLaid);
  s.view = early && before.run && !another ? { ...value, rows: before.rows, timeline: before.timeline } : value;
  if (!early || another) s.home = s.view.run;
  s.root.dataset.state = s.view.state;
  status(s);
  if (another) s.startOver();
  s.rows = s.view.rows.filter(isLaid);
  const key = JSON.stringify([s.view.root, s.seeds, s.rows.map((row) => [row.arm, row.steps.length])]);
  if (key !== s.built) rebuild(s, key, another ? null : before);
  if (before.run !== s.view.run && !s.kept) remember("scrub", s.view.run); // the address finds this run again
  if (another && !s.kept && innerWidth <= NARROW_PX) s.root.scrollIntoView({ block: "start" }); // below the form on a narrow page
  s.$(".sc-body").hidden = !s.rows.length;
  if (!s.rows.length) return;
  fillBranch(s);
  buildTake(s);
  options(s);
  want(s);
  void readTable(s);
  redraw(s);
  sayNow(s);
}

/** @param {Scrub} s */
function status(s) {
  const { view } = s, percent = done(view.state, view.progress), bar = s.$(".b-bar");
  put(s.$(".b-chip"), view.status.word);
  put(s.$(".sc-text"), view.status.text);
  put(s.$(".b-what"), view.pair);
  put(s.$(".sc-title"), `“${view.prompt}”`);
  put(s.$(".sc-branch .sc-problem"), view.problem ?? "");
  s.$(".b-bar i").style.width = `${percent}%`;
  attr(bar, "aria-valuenow", Math.round(percent));
  fill(s.$(".b-notices"), view.notices.join("|"), () => view.notices.map((text) => make("li", "", text)));
}

/**
 * Other rows, or rows of another length: the same moment stays, and a new branch is chosen.
 * @param {Scrub} s
 * @param {string} key
 * @param {Board | null} before the same run as it was; null for another one
 */
function rebuild(s, key, before) {
  const { levels } = s.axis, level = levels?.[s.tick], pinned = s.pin === null ? undefined : levels?.[s.pin];
  const atEnd = s.tick >= s.axis.count - 1;
  const news = before && s.rows.find((row) => row.branch && !before.rows.some((old) => old.arm === row.arm));
  s.built = key;
  buildWall(s);
  s.axis = axisOf(s.rows, s.sync);
  if (!s.rows.length) return;
  const now = s.axis.levels, last = s.axis.count - 1;
  if (!before || atEnd) s.tick = last;
  else if (level !== undefined && now) s.tick = nearest(now, level);
  s.tick = clamp(s.tick, 0, last);
  if (pinned !== undefined && now) s.pin = nearest(now, pinned);
  const arms = s.rows.map((row) => row.arm), { arm, seed } = s.chosen;
  s.chosen = { arm: news?.arm ?? (arms.includes(arm) ? arm : arms[0]), seed: s.seeds.includes(seed) ? seed : s.seeds[0] };
  if (!arms.includes(s.against) && s.against !== "pin") s.against = "end";
  mark(s);
  s.$(".sc-body").hidden = false;
  layout(s);
  if (s.table) drawDecisions(s);
}

/**
 * @param {import("../kit/part.js").Host<import("./types.js").Value>} host
 * @param {Record<string, string> | null} [kept] strips and the table as base64 by path, in an exported file
 */
export function mount(host, kept = null) {
  const s = new Scrub(host, kept, (scrub) => {
    scrub.root.dataset.ready = String(scrub.strips.count);
    redraw(scrub);
    gonePictures(scrub);
  });
  listen(s);
  const watcher = new ResizeObserver(() => (s.element.isConnected ? layout(s) : watcher.disconnect()));
  watcher.observe(s.$(".sc-wall"));
  s.follow(() => draw(s));
}
