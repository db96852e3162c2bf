// Numbers, keys, addresses and figures as every part of the page uses them.
import assert from "node:assert/strict";
import { runOf, studyOf, withTab, withValue, wordsOf } from "../../assets/ui/kit/address.js";
import { escaped, laidPanels } from "../../assets/ui/kit/drawing.js";
import { resolved } from "../../assets/ui/kit/figure.js";
import { fileName } from "../../assets/ui/kit/files.js";
import { room } from "../../assets/ui/kit/foot.js";
import { termIn } from "../../assets/ui/kit/glossary.js";
import { inGrid, inList, onSlider, withModifier } from "../../assets/ui/kit/keys.js";
import { Due, isLate } from "../../assets/ui/kit/look.js";
import { around, clamp, done, middle, noise, percent, plural, signed, unbroken } from "../../assets/ui/kit/numbers.js";
import { laidOut } from "../../assets/ui/kit/sheet.js";
import { namesRun, within } from "../../assets/ui/kit/typed.js";
import { granted, wish } from "../../assets/ui/kit/wish.js";

const HOME = "http://127.0.0.1:7860/studio/";

Deno.test("a strength has its sign, and a minus that is as wide as the plus", () => {
  assert.deepEqual([1.5, 0, -0.4].map(signed), ["+1.5", "0", "−0.4"]);
});

Deno.test("a share is whole percent, a dash where it is not known", () => {
  assert.deepEqual([0.704, 0, 1, null, undefined].map(percent), ["70 %", "0 %", "100 %", "–", "–"]);
});

Deno.test("a noise level has three figures at most", () => {
  assert.deepEqual([Infinity, 28.54, 10, 9.876, 0.1, 0.01234].map(noise), ["∞", "28.5", "10.0", "9.88", "0.10", "0.012"]);
});

Deno.test("one is singular, whatever it is written as", () => {
  assert.deepEqual([plural(1, "step"), plural("1", "step"), plural(0, "row"), plural(4, "step")], ["1 step", "1 step", "0 rows", "4 steps"]);
});

Deno.test("a figure keeps its sign on the line", () => {
  assert.equal(unbroken("recovers 70 % [57–82] of 5 %"), "recovers 70\u00a0% [57–82] of 5\u00a0%");
});

Deno.test("a run that is done has everything, one without a total nothing", () => {
  assert.equal(done("done", null), 100);
  assert.equal(done("running", { done: 3, total: 12 }), 25);
  assert.equal(done("loading", { done: 3 }), 0);
  assert.equal(done("queued", null), 0);
});

Deno.test("the middle of an even number of values is the lower one", () => {
  assert.equal(middle([9, 1, 4]), 4);
  assert.equal(middle([9, 1, 4, 5]), 4);
  assert.equal(middle([]), null);
});

Deno.test("places stay in a list, or begin anew after its end", () => {
  assert.deepEqual([clamp(-2, 0, 3), clamp(2, 0, 3), clamp(9, 0, 3)], [0, 2, 3]);
  assert.deepEqual([around(0, -1, 4), around(3, 1, 4), around(1, 1, 4)], [3, 0, 2]);
});

Deno.test("arrows move in a grid, in a list and on a slider", () => {
  assert.deepEqual(inGrid("ArrowUp"), [0, -1]);
  assert.equal(inGrid("Home"), null);
  assert.deepEqual(["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown", "a"].map(inList), [-1, -1, 1, 1, 0]);
  assert.equal(onSlider("ArrowLeft", false), -1);
  assert.equal(onSlider("ArrowRight", true), 5);
  assert.equal(onSlider("PageDown", false), 5);
  assert.equal(onSlider("x", true), 0);
  assert.ok(withModifier({ ctrlKey: false, metaKey: true, altKey: false }));
});

Deno.test("the first tab needs no name in the address, and other values stay", () => {
  assert.equal(withTab(`${HOME}?run=a`, "lab"), `${HOME}?run=a&tab=lab`);
  assert.equal(withTab(`${HOME}?tab=lab&run=a`, "compare"), `${HOME}?run=a`);
  assert.equal(withValue(`${HOME}?run=a`, "run", "b"), `${HOME}?run=b`);
  assert.equal(withValue(`${HOME}?study=a&tab=lab`, "study", ""), `${HOME}?tab=lab`);
});

Deno.test("an address is said in words that hold no blanks of its own", () => {
  assert.equal(wordsOf("?tab=scrub&scrub=20260131 a", "scrub"), "scrub 20260131a ");
  assert.equal(wordsOf("?run=x", "control"), "  x");
});

Deno.test("a study opens the Lab unless the address means another tab or run", () => {
  assert.equal(studyOf("?study=s"), "lab s");
  assert.equal(studyOf("?tab=lab"), "lab ");
  assert.equal(studyOf("?study=s&tab=distill"), "elsewhere s");
  assert.equal(studyOf("?study=s&run=r"), "elsewhere s");
});

Deno.test("the run of the address goes before the last one of this browser", () => {
  assert.equal(runOf("?run=a", "b"), "open a");
  assert.equal(runOf("", "b"), "last b");
});

Deno.test("a tab that is chosen before the address was read changes nothing of what it asked for", async () => {
  const place = { search: "?tab=scrub&scrub=r", href: `${HOME}?tab=scrub&scrub=r` };
  const changes = { replaceState: (/** @type {null} */ _state, /** @type {string} */ _title, /** @type {string} */ href) => {
    Object.assign(place, { href, search: new URL(href).search });
  } };
  Object.defineProperty(globalThis, "location", { value: place, configurable: true });
  Object.defineProperty(globalThis, "history", { value: changes, configurable: true });
  /** @type {typeof import("../../assets/ui/kit/address.js")} */
  const opened = await import(`../../assets/ui/kit/address.js?${Math.random()}`);
  opened.chosen("compare");
  assert.equal(place.search, "?tab=scrub&scrub=r");
  opened.asked();
  opened.chosen("compare");
  assert.equal(place.search, "?scrub=r");
  assert.equal(opened.ofTab("scrub"), "scrub r ");
});

Deno.test("colours of a figure are looked up however deep they lie", () => {
  /** @param {string} name */
  const value = (name) => `<${name}>`;
  const figure = { data: [{ line: { color: "--arm-student" }, y: [1, null] }], text: "a -- b" };
  assert.deepEqual(resolved(figure, value), { data: [{ line: { color: "<--arm-student>" }, y: [1, null] }], text: "a -- b" });
});

Deno.test("a name of a file holds nothing but letters, figures, dots and lines", () => {
  assert.equal(fileName("leaderboard-nano/teacher"), "leaderboard-nano-teacher");
  assert.equal(fileName("../a run: 2 %"), "a-run-2");
});

Deno.test("pictures of a sheet are as large as they are, but neither tiny nor too large for a canvas", () => {
  assert.deepEqual([32, 128, 1024].map((natural) => laidOut(4, 3, natural).cell), [112, 128, 512]);
  const many = laidOut(200, 2, 512);
  assert.ok(many.cell < 112 && many.width <= 12_000);
  assert.equal(laidOut(2, 1, 128).x(1) - laidOut(2, 1, 128).x(0), 136);
});

Deno.test("a label is about the longest term in it that is a word of its own", () => {
  const terms = [["guidance"], ["teacher", "teacher guidance"], ["x̂0", "x̂₀"], ["nfe"]]
    .map((forms) => ({ name: forms[0], text: "", forms }));
  const found = ["Guidance", "Teacher guidance", "x̂₀ from xₜ", "NFE per image", "Unguided", ""].map((label) => termIn(label, terms)?.name);
  assert.deepEqual(found, ["guidance", "teacher", "x̂0", "nfe", undefined, undefined]);
});

Deno.test("an address that names a run fills the form by itself", () => {
  assert.deepEqual(["", "?tab=lab", "?run=a", "?tab=scrub&scrub=b", "?study=c"].map(namesRun), [false, false, true, true, true]);
});

Deno.test("a wish of another tab waits until it can be granted, and is granted once", () => {
  wish("worn", "mine/cat");
  assert.equal(granted("worn", () => false), "");
  assert.equal(granted("worn", (what) => what === "mine/cat"), "mine/cat");
  assert.equal(granted("worn", () => true), "");
});

Deno.test("a number is put back where it may stand", () => {
  assert.deepEqual(["0", "5", "9"].map((text) => within(text, "1", "8")), [false, true, false]);
  assert.ok(within("-3", "", "") && within("9", "1", "") && !within("9", "", "8"));
});

Deno.test("the column of a form ends above the end of the window, wherever it begins", () => {
  assert.deepEqual([room(118, 900), room(165, 900), room(-40, 900), room(800, 900)], [774, 727, 878, 320]);
});

Deno.test("a hyphen before a figure is written as a minus, one in a word stays", () => {
  assert.deepEqual(unbroken("gains -5 % [-20 to 10] with skip-first"), "gains −5\u00a0% [−20 to 10] with skip-first");
});

Deno.test("a run is asked for when it has changed, and seldom when it has not", () => {
  const due = new Due({ every: 0.4, slow: 10, blind: 2 });
  due.begin(100);
  assert.equal(due.now("a", 100.4), true); // what is shown may be older than the first look
  assert.deepEqual([101, 105, 110.3].map((now) => due.now("a", now)), [false, false, false]);
  assert.equal(due.now("a", 110.4), true);
  assert.deepEqual([due.now("b", 110.8), due.now("b", 111.2)], [true, false]);
});

Deno.test("where a run's state cannot be had it is asked for by the clock, and what was seen stays seen", () => {
  const due = new Due({ every: 0.4, slow: 10, blind: 2 });
  due.begin(0);
  assert.equal(due.now("a", 0.4), true);
  assert.deepEqual([1, 2.3, 2.4, 3, 4.4].map((now) => due.now(null, now)), [false, false, true, false, true]);
  assert.deepEqual([due.now("a", 5), due.now("b", 5.4)], [false, true]);
});

Deno.test("panels of a drawing fill rows, and a wide one has a row of its own", () => {
  const { places, width, height } = laidPanels([{ wide: true, ratio: 0.1 }, { ratio: 0.5 }, { ratio: 0.5 }, { ratio: 0.5 }], 2);
  assert.deepEqual(places.map(({ x }) => x), [0, 0, 364, 0]);
  assert.equal(places[0].width, width);
  assert.ok(places[1].y >= places[0].height && places[3].y >= places[1].y + places[1].height);
  assert.equal(height, places[3].y + places[3].height);
});

Deno.test("words of people are words in a drawing", () => {
  assert.equal(escaped('<script> & "x"'), "&#60;script&#62; &#38; &#34;x&#34;");
});

Deno.test("a look about a run that is no longer on show is late, once", () => {
  assert.ok(isLate("old", ["new"], ""));
  assert.ok(!isLate("old", ["new"], "old"), "the second time it is what the page has");
  assert.ok(!isLate("new", ["new"], ""));
  assert.ok(!isLate("old", [], ""), "nothing is on show yet");
  assert.ok(!isLate("", ["new"], ""), "a look at many runs");
});
