// What the table of decisions says in words. No page needed.
import { middle, percent } from "../kit/numbers.js";

/** @typedef {import("./types.js").Table} Table */
/** @typedef {import("./types.js").Laid} Laid */
/** @typedef {import("./types.js").Gone} Gone */

export const FIRST = 6; // factors that have a figure of their own before more are asked for
const NAMED = 4; // rows that a sentence names

/**
 * @param {Table} table
 * @param {string} name
 */
const factorOf = (table, name) => table.factors.find((factor) => factor.name === name);

/**
 * @param {Table} table
 * @param {string} name
 */
export const titleOf = (table, name) => factorOf(table, name)?.title ?? name;

/**
 * What a value of a factor is called.
 * @param {Table} table
 * @param {string} name
 * @param {string} value
 */
function thingOf(table, name, value) {
  const factor = factorOf(table, name);
  return factor?.things?.[factor.values.indexOf(value)] ?? value;
}

/**
 * In which space distances are, where there is no oracle.
 * @param {Table} table
 */
export const measureOf = (table) => (table.kind === "features" ? `as ${table.reader} sees it` : "in the model's own space");

/**
 * What the table says, as parts of a sentence: strings, and [row] for a row's name.
 * @param {Table} table
 * @param {Laid[]} rows
 * @param {string} chosen the arm whose branch is named as well
 * @returns {(string | [Laid])[]}
 */
export function decidedWords(table, rows, chosen) {
  const here = rows.filter((row) => table.arms[row.arm] && (!row.branch || row.arm === chosen)).slice(0, NAMED);
  /** @param {(row: Laid) => string} of */
  const listed = (of) => here.flatMap((row, k) => {
    const between = k ? (k === here.length - 1 ? " and " : ", ") : "";
    return /** @type {(string | [Laid])[]} */ ([between, `${of(row)} for `, [row]]);
  });
  /**
   * @param {Laid} row
   * @param {number} at
   */
  const step = (row, at) => `step ${at + 1} of ${row.steps.length}`;
  if (table.kind !== "oracle") {
    const half = `Half way to its end for good, ${measureOf(table)}, of what two of the teacher's samples differ by: `;
    return [half, ...listed((row) => step(row, middle(table.arms[row.arm].distance.commit) ?? 0)), "."];
  }
  const open = table.factors.filter((factor) => !factor.stated).map((factor) => factor.name);
  /** @param {Laid} row */
  const commit = (row) => middle(open.flatMap((name) => table.arms[row.arm].factors[name].commit)) ?? 0;
  /** @param {Laid} row */
  const clear = (row) => {
    const at = table.arms[row.arm].accepted.findLastIndex((share) => share < 0.5) + 1;
    return at < row.steps.length ? step(row, at) : "no step";
  };
  const chances = here.flatMap((row) => open.map((name) => table.arms[row.arm].factors[name].chance[0]));
  const chance = middle(chances.filter((one) => one !== null && one !== undefined));
  return [
    "What the prompt leaves open has its last value for good from ",
    ...listed((row) => `${step(row, commit(row))} (${percent((commit(row) + 1) / row.steps.length)} of the way)`),
    ", median over seeds and factors. Half of the pictures can be read from ", ...listed(clear),
    " on; before that the oracle guesses", chance === null ? "." : `, and a guess is right ${percent(chance)} of the time.`,
  ];
}

/**
 * [whose, what] of something that is gone at the end.
 * @param {Table} table
 * @param {Gone} item
 */
export function goneWords(table, item) {
  const whose = `seed ${item.seed}`;
  if (table.kind !== "oracle")
    return [whose, `near its end at step ${item.near + 1}, far from it again at step ${item.strongest + 1}`];
  const steps = item.first === item.last ? `at step ${item.first + 1}` : `from step ${item.first + 1} to ${item.last + 1}`;
  return [whose, `${thingOf(table, item.factor, item.value)} ${steps}, ${thingOf(table, item.factor, item.end)} at the end`];
}

/**
 * What the oracle reads in one picture of a row, beside what it reads in the last one. "" where it says nothing.
 * @param {Table} table
 * @param {string} arm
 * @param {number} index the step
 * @param {number} k the seed's place
 */
export function readWords(table, arm, index, k) {
  const found = table.arms[arm];
  if (!found || table.kind !== "oracle" || !found.inside?.[index]) return "";
  return table.factors.map((factor, i) => {
    if (i >= FIRST && factor.things && !factor.things.length) return "";
    const { labels } = found.factors[factor.name], words = i < FIRST || !factor.things ? factor.values : factor.things;
    const now = words[labels[index][k]], end = words[labels[labels.length - 1][k]];
    return now === end ? (now === "nothing" ? "" : now) : `${now} (then ${end})`;
  }).filter(Boolean).join(", ");
}
