// The small print around the pictures; it follows a little later than they do.
import { attr, put } from "../kit/dom.js";
import { noise } from "../kit/numbers.js";
import { levelOf } from "./axis.js";
import { readWords } from "./decided.js";

/** @typedef {import("./state.js").Scrub} Scrub */

const NOT_BEGUN = "This row has not begun at this noise level; move on, or choose another row.";

/** @param {Scrub} s */
export function sayNow(s) {
  clearTimeout(s.sayTimer);
  s.sayTimer = undefined;
  s.saidAt = performance.now();
  if (!s.rows.length) return;
  s.rows.forEach((row, k) => sayRow(s, row, k));
  const level = s.axis.levels ? noise(s.axis.levels[s.tick] ?? 0) : "";
  put(s.$(".sc-now"), level ? `noise ${level}` : `step ${s.tick + 1}`);
  attr(s.slider, "aria-valuetext", level ? `noise level ${level}` : `step ${s.tick + 1}`);
  for (const figure of s.figures) figure.say(s.tick);
  sayBranch(s);
  sayRead(s);
  s.root.dataset.tick = String(s.tick);
}

/**
 * @param {Scrub} s
 * @param {import("./types.js").Laid} row
 * @param {number} k
 */
function sayRow(s, row, k) {
  const index = s.axis.index(k, s.tick), step = row.steps[index], part = s.lanes[k];
  const off = part.shown >= 0 && index >= 0 && part.shown !== index && !s.flick;
  const text = step ? `step ${index + 1} of ${row.steps.length}` : "not begun";
  put(part.at, off ? `${text}, showing ${part.shown + 1}` : text);
  put(part.where, step ? `t ${Number(step.t.toFixed(1))} · ${step.nfe} NFE` : "");
  part.at.classList.toggle("off", off);
  attr(part.canvas, "aria-label", `${row.title}, ${text}: ${s.view.prompt}`);
}

/**
 * From where a branch would go on.
 * @param {Scrub} s
 */
function sayBranch(s) {
  const row = s.rows[s.row], index = s.axis.index(s.row, s.tick), step = row?.steps[index];
  const where = step && `t ${Number(step.t.toFixed(1))}, noise ${noise(levelOf(step))}`;
  const begun = step && `From step ${index + 1} of ${row.steps.length} of ${row.title} (${where}): `;
  put(s.$(".sc-from"), begun ? `${begun}everything before it stays, the rest is drawn anew.` : NOT_BEGUN);
  s.$(".sc-go", HTMLButtonElement).disabled = !step || s.view.live || Boolean(s.kept);
}

/**
 * What the oracle reads in the chosen picture now, beside what it reads in the last one.
 * @param {Scrub} s
 */
function sayRead(s) {
  const { table, seeds, chosen } = s, k = seeds.indexOf(chosen.seed);
  s.rows.forEach((row, i) => {
    const at = s.axis.index(i, s.tick), unread = table?.arms[row.arm]?.inside?.[at]?.[k] === 0;
    const where = at < 0 ? ", not begun" : `, step ${at + 1}`;
    put(s.large[i].words, `${row.title}${where}${unread ? ", not yet a picture to the oracle" : ""}`);
  });
  const said = table ? readWords(table, chosen.arm, s.axis.index(s.row, s.tick), k) : "";
  const read = said || table?.arms[chosen.arm]?.inside?.[s.axis.index(s.row, s.tick)];
  put(s.$(".sc-reads"), read ? `The oracle reads ${s.rows[s.row].title} here as: ${said}.` : "");
}
