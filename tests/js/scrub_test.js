// The scrubber's arithmetic: ticks and steps, where pictures lie, what is fetched first, what the table says.
import assert from "node:assert/strict";
import { acrossTrack, axisOf, coarseToFine, nearest, place, tickAt } from "../../assets/ui/scrub/axis.js";
import { saidOf } from "../../assets/ui/scrub/curves.js";
import { decidedWords, goneWords, readWords } from "../../assets/ui/scrub/decided.js";
import { cellX, cellY, formOf, onPage, sizeOf } from "../../assets/ui/scrub/grid.js";
import { wornText } from "../../assets/ui/scrub/worn.js";

/** @param {(number | null)[]} levels */
const row = (...levels) => ({ steps: levels.map((level) => ({ level })) });
const TEACHER = row(null, 8, 4, 2, 1), STUDENT = row(null, 2);

Deno.test("by noise level a row shows the last belief it had by then", () => {
  const axis = axisOf([TEACHER, STUDENT], "noise");
  assert.deepEqual(axis.levels, [Infinity, 8, 4, 2, 1]);
  assert.deepEqual([0, 1, 2, 3, 4].map((tick) => axis.index(1, tick)), [0, 0, 0, 1, 1]);
  assert.equal(axis.tick(1, 1), 3);
});

Deno.test("a row that begins late has not begun before, and levels that are nearly one are one", () => {
  const axis = axisOf([TEACHER, row(4.0001, 1)], "noise");
  assert.equal(axis.count, 5);
  assert.deepEqual([0, 1, 2, 3, 4].map((tick) => axis.index(1, tick)), [-1, -1, 0, 0, 1]);
});

Deno.test("by step number a short row stays at its end", () => {
  const axis = axisOf([TEACHER, STUDENT], "step");
  assert.equal(axis.levels, null);
  assert.deepEqual([0, 1, 4].map((tick) => axis.index(1, tick)), [0, 1, 1]);
  assert.equal(axisOf([{ steps: null }], "step").index(0, 3), -1);
});

Deno.test("no rows are an axis of one tick", () => {
  for (const sync of ["noise", "step"]) {
    const axis = axisOf([], sync);
    assert.deepEqual([axis.count, axis.index(0, 0), place(axis, 0)], [1, -1, 0]);
  }
});

Deno.test("the tick of a level is the last one that has not passed it", () => {
  assert.deepEqual([Infinity, 8, 3, 0.5, 99].map((level) => nearest([Infinity, 8, 4, 2, 1], level)), [0, 1, 2, 4, 0]);
});

Deno.test("what stands at a tick is found there again", () => {
  const axis = axisOf([TEACHER], "step");
  for (let tick = 0; tick < axis.count; tick++) assert.equal(tickAt(axis, 500, acrossTrack(axis, 500, tick, 9), 9), tick);
  assert.equal(acrossTrack(axis, 500, 0, 9), 9);
  assert.equal(acrossTrack(axis, 500, 4, 9), 491);
});

Deno.test("every step is fetched once: the last, the first, then the middles", () => {
  const order = coarseToFine([5, 2]);
  assert.deepEqual(order.slice(0, 4), [[0, 4], [1, 1], [0, 0], [1, 0]]);
  assert.deepEqual(order.slice(4), [[0, 2], [0, 1], [0, 3]]);
  const long = coarseToFine([50]).map(([, index]) => index);
  assert.deepEqual([...long].sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i));
  assert.deepEqual(coarseToFine([0, 1]), [[1, 0]]);
});

Deno.test("pictures of a strip lie in lines and stay within the budget", () => {
  const form = formOf(64, 3, 100, 1e9);
  assert.deepEqual(form, { side: 64, gap: 4, columns: 3 });
  assert.deepEqual([cellX(form, 4), cellY(form, 4)], [68, 68]);
  assert.deepEqual(sizeOf(form, 5), { width: 200, height: 132 });
  const small = formOf(1024, 4, 1000, 1e7);
  assert.ok(4 * 1000 * small.side ** 2 <= 1e7 && small.side >= 16);
});

Deno.test("a narrow page breaks a row into lines, a wide one draws no picture larger than is useful", () => {
  assert.deepEqual([onPage(1000, 4).columns, onPage(1000, 4).cell, onPage(1000, 4).lines], [4, 156, 1]);
  const narrow = onPage(300, 16);
  assert.ok(narrow.columns < 16 && narrow.cell >= 64 && narrow.lines === Math.ceil(16 / narrow.columns));
  assert.ok(Math.abs(narrow.width - 300) < 1e-9);
});

Deno.test("adapters of a branch are written as a request says them", () => {
  assert.equal(wornText([]), "");
  assert.equal(wornText([{ id: "", strength: "1" }, { id: "b", strength: "2" }]), "");
  assert.equal(wornText([{ id: "none", strength: "1" }]), "none");
  assert.equal(wornText([{ id: "a", strength: " 1,5 " }, { id: "", strength: "9" }, { id: "b", strength: "" }]), "a=1.5 b=1");
});

/**
 * @param {string} arm
 * @param {number} steps
 */
const laid = (arm, steps) => ({
  arm, title: arm[0].toUpperCase() + arm.slice(1), tone: arm, meaning: "", about: "", strips: [], noisy: [], branch: null,
  steps: Array.from({ length: steps }, () => ({ t: 0, level: 1, model: arm, nfe: 1 })),
});

/** @type {import("../../assets/ui/scrub/types.js").Table} */
const TABLE = {
  kind: "oracle", lost: 1,
  factors: [{ name: "season", title: "season", values: ["summer", "snow"], stated: null, things: ["nothing", "snow"] }],
  arms: {
    student: {
      accepted: [0.2, 0.9, 1], inside: [[0, 0], [1, 1], [1, 1]],
      distance: { q25: [1, 1, 0], q50: [1, 1, 0], q75: [1, 1, 0], commit: [1, 1] },
      factors: { season: { equal: [0, 1, 1], low: [], high: [], commit: [1, 2, 1], chance: [0.5], labels: [[0, 1], [1, 1], [1, 1]] } },
    },
  },
  vanished: [],
};

Deno.test("the table says from when on things stay, and from when on pictures can be read", () => {
  const words = decidedWords(TABLE, [laid("student", 3)], "student").map((part) => (typeof part === "string" ? part : part[0].title));
  const said = words.join("");
  assert.match(said, /has its last value for good from step 2 of 3 \(67 % of the way\) for Student, median/);
  assert.match(said, /can be read from step 2 of 3 for Student on; .* a guess is right 50 % of the time\./);
});

Deno.test("what is read now is said beside what is read at the end", () => {
  assert.equal(readWords(TABLE, "student", 0, 0), "summer (then snow)");
  assert.equal(readWords(TABLE, "student", 0, 1), "snow");
  assert.equal(readWords(TABLE, "nobody", 0, 0), "");
});

Deno.test("what is gone is named as a thing, with the steps that showed it", () => {
  const item = { arm: "student", seed: 7, strongest: 1, factor: "season", value: "snow", end: "summer", first: 1, last: 2, near: 0 };
  assert.deepEqual(goneWords(TABLE, item), ["seed 7", "snow from step 2 to 3, nothing at the end"]);
  assert.deepEqual(goneWords({ ...TABLE, kind: "features" }, item)[1], "near its end at step 1, far from it again at step 2");
});

Deno.test("a figure says in words where every row begins and ends and when it was decided", () => {
  /** @type {unknown} */
  const rows = [{ title: "Teacher" }, { title: "Student" }];
  const lines = [{ row: 0, values: [0.25, 0.5, 1], commit: [2, 2, 1] }, { row: 1, values: [null, 1] }];
  const told = /** @type {import("../../assets/ui/scrub/types.js").Laid[]} */ (rows);
  const said = "colour: Teacher from 25 % to 100 %, decided at step 3 of 3; Student from – to 100 %";
  assert.equal(saidOf("colour", lines, told, 1), said);
  assert.equal(saidOf("distance", [{ row: 1, values: [1.5, 0.25] }], told, 1.5), "distance: Student from 1.50 to 0.25");
  assert.equal(saidOf("colour", [], told, 1), "colour: nothing was read");
});
