// What single tabs compute: choices on the wall, adapters of a form, sliders of the laboratory, order of the leaderboard.
import assert from "node:assert/strict";
import { atFirst, beside, named, pressed, waiting } from "../../assets/ui/compare/choice.js";
import { after, scoped, without } from "../../assets/ui/control/worn.js";
import { inOrder, pressed as sorted } from "../../assets/ui/distill/order.js";
import { fits, text } from "../../assets/ui/distill/search.js";
import { cellOf, placeOf, stepsOf, upTo } from "../../assets/ui/jobs/moments.js";
import { judged, length, ofPage, place, range, reach, same, valueAt, written } from "../../assets/ui/lab/settings.js";
import { countOutside, inside, slug, wordOf } from "../../assets/ui/personalize/form.js";
import { attach, between, pushed } from "../../assets/ui/personalize/masks.js";
import { corners } from "../../assets/ui/personalize/preference_board.js";
import { beside as promptBeside, indexOf } from "../../assets/ui/kit/strip.js";
import { choiceOf } from "../../assets/ui/personalize/votes.js";
import { controls, expected, usual } from "../../assets/ui/unlearn/audit.js";
import { another, rowsOf, textOf } from "../../assets/ui/evaluate/form.js";
import { placed } from "../../assets/ui/evaluate/tables.js";
import { listed, toggled } from "../../assets/ui/unlearn/form.js";
import { place as placeOfReach } from "../../assets/ui/unlearn/matrix.js";

Deno.test("a new wall holds the student against the teacher, or what there is", () => {
  assert.deepEqual(atFirst(["hybrid-1", "student", "teacher"], [3, 5]), { seed: 3, left: "teacher", right: "student" });
  assert.deepEqual(atFirst(["student", "cads"], [0]), { seed: 0, left: "student", right: "cads" });
  assert.deepEqual(atFirst(["student"], [0]), { seed: 0, left: "student", right: "student" });
});

Deno.test("a press takes the seed, and the arm unless it stands on the left", () => {
  const selected = { seed: 0, left: "teacher", right: "student" };
  assert.deepEqual(pressed(selected, "hybrid-1", 4), { seed: 4, left: "teacher", right: "hybrid-1" });
  assert.deepEqual(pressed(selected, "teacher", 4), { seed: 4, left: "teacher", right: "student" });
});

Deno.test("arrow keys stay on the wall", () => {
  const arms = ["teacher", "student"], seeds = [3, 5, 8];
  assert.deepEqual(beside(arms, seeds, { arm: "teacher", seed: 5 }, [1, 0]), { arm: "teacher", seed: 8 });
  assert.deepEqual(beside(arms, seeds, { arm: "student", seed: 8 }, [1, 1]), { arm: "student", seed: 8 });
});

Deno.test("a sentence is cut where it names an arm, and nothing of it is lost", () => {
  const sentence = "Hybrid recovers 70 % of what the student lost", parts = named(sentence, "hybrid-2");
  assert.equal(parts.map((part) => part.text).join(""), sentence);
  assert.deepEqual(parts.filter((part) => part.tone), [{ text: "Hybrid", tone: "hybrid-2" }, { text: "student", tone: "student" }]);
});

Deno.test("a row without figures says how far it is", () => {
  assert.equal(waiting({ images: { 0: "a" }, strip: { step: 2, steps: 4 } }, 16, true), "1 of 16 drawn");
  assert.equal(waiting({ images: {}, strip: { step: 2, steps: 4 } }, 16, true), "step 2 of 4");
  assert.deepEqual([true, false].map((live) => waiting({ images: {}, strip: null }, 16, live)), ["waiting", "not drawn"]);
});

const known = ["a", "b"].map((id) => ({ id, title: id, about: "", base: "t" })), use = { id: "b", strength: 2, on: "all" };

Deno.test("what was set stays when only the adapters there are have changed, and what does not fit comes off", () => {
  const before = { worn: [use, { id: "gone", strength: 1, on: "all" }], vary: "gone" };
  assert.deepEqual(after(before, { known }), { worn: [use], vary: "b" });
  assert.deepEqual(after({ worn: [], vary: "" }, { known }), { worn: [{ id: "a", strength: 1, on: "all" }], vary: "a" });
  assert.deepEqual(after(before, {}), { worn: [], vary: "" });
});

Deno.test("taking off the varied adapter varies another one", () => {
  const other = { id: "a", strength: 1, on: "all" };
  assert.deepEqual(without({ worn: [use, other], vary: "b" }, use), { worn: [other], vary: "a" });
  assert.deepEqual(without({ worn: [use, other], vary: "a" }, use), { worn: [other], vary: "a" });
});

Deno.test("only bounds have a level, with a point in it", () => {
  assert.deepEqual([scoped("below", "1,5"), scoped("teacher", "1,5")], ["below:1.5", "teacher"]);
});

Deno.test("what is not measured stands last either way, and of equals the cheaper one first", () => {
  /**
   * @param {string} title
   * @param {number | null} accuracy
   * @param {number} nfe
   */
  const row = (title, accuracy, nfe) => ({
    title, cells: {
      accuracy: /** @type {[number | null, string, string]} */ ([accuracy, "", ""]),
      nfe: /** @type {[number | null, string, string]} */ ([nfe, "", ""]),
    },
  });
  const rows = [row("b", null, 1), row("c", 0.5, 8), row("A", 0.5, 4), row("d", 0.9, 50)];
  /**
   * @param {string} by
   * @param {number} sign
   */
  const titles = (by, sign) => inOrder(rows, { by, sign }).map(({ title }) => title).join("");
  assert.equal(titles("accuracy", -1), "dAcb");
  assert.equal(titles("accuracy", 1), "Acdb");
  assert.equal(titles("title", 1), "Abcd");
  assert.deepEqual(sorted({ by: "nfe", sign: 1 }, "nfe", 1), { by: "nfe", sign: -1 });
  assert.deepEqual(sorted({ by: "nfe", sign: 1 }, "accuracy", -1), { by: "accuracy", sign: -1 });
});

Deno.test("an objective is found by all the words that are typed, in any order", () => {
  const item = { name: "dmd2", title: "DMD2", how: "One step", good_for: "speed", status: "tested", papers: [] };
  const words = text({ ...item, papers: [/** @type {[string, string]} */ (["arXiv 2405.14867", "https://arxiv.org"])] });
  assert.ok(fits(words, " STEP 2405 "));
  assert.ok(fits(words, ""));
  assert.ok(!fits(words, "step two"));
});

Deno.test("a moment of training shows what was there by then", () => {
  const rows = [{ step: 10 }, { step: 20 }, { step: 40 }];
  assert.deepEqual([null, 5, 20, 39].map((step) => upTo(rows, step).step), [40, 10, 20, 20]);
  assert.deepEqual([null, 5, 39].map((step) => placeOf([10, 20, 40], step)), [2, 0, 1]);
  assert.deepEqual(stepsOf([{ step: 20 }, { step: 10 }, { step: 20 }]), [10, 20]);
  assert.deepEqual(cellOf(3, 1, 7, 3), { size: "700% 300%", position: "50% 50%" });
  assert.deepEqual(cellOf(0, 0, 1, 1).position, "0% 0%");
});

Deno.test("a slider of powers stands on halves and gives whole numbers", () => {
  const dimension = { name: "D", label: "", low: 2, high: 1024, step: /** @type {"log2"} */ ("log2"), value: 64 };
  assert.deepEqual(range(dimension), { min: 1, max: 10, step: 0.5 });
  assert.equal(place(dimension, 64), 6);
  assert.equal(valueAt(dimension, 6.5), 91);
  assert.deepEqual(range({ ...dimension, step: 0.25 }), { min: 2, max: 1024, step: 0.25 });
  assert.deepEqual([written("beta", 2), written("K", 8)], ["2.00", "8"]);
});

Deno.test("a page is of the settings that it names, in the sliders' order", () => {
  const settings = { order: "base first", K: 8, beta: 2 };
  assert.ok(same(ofPage(settings, { beta: 2, order: "base first", K: 8, seed: 1 }), settings));
  assert.ok(!same(ofPage(settings, { beta: 3 }), settings));
  assert.ok(!same(null, settings));
});

Deno.test("the first two steps of the laboratory are judged, the others are not", () => {
  const regime = { first_open: true, second_kept: false };
  assert.deepEqual([0, 1, 2].map((index) => judged(index, regime)?.words), ["open", "forgotten", undefined]);
  assert.deepEqual([reach(0), reach(100), length(2), length(0.5)], [0, 1, "100%", "50%"]);
});

Deno.test("a name becomes a word that prompts can spell", () => {
  assert.equal(wordOf("My Cät!"), "<my-cat>");
  assert.equal(wordOf(" ?! "), "");
  assert.equal(slug("x".repeat(60)).length, 40);
});

Deno.test("a picture of a strip is found by row, seed and column", () => {
  const strips = { rows: ["a", "b", "c"], columns: ["without", "with"], seeds: [0, 1], prompts: [], steps: [] };
  assert.equal(indexOf(strips, 0, 0, 1), 1);
  assert.equal(indexOf(strips, 2, 1, 1), 11);
});

Deno.test("arrow keys vote, and other keys do not", () => {
  assert.deepEqual(["ArrowLeft", "ArrowRight", "ArrowDown", "Enter"].map(choiceOf), ["left", "right", "tie", ""]);
});

Deno.test("a curve fills its panel from corner to corner", () => {
  assert.equal(corners([[0, 1], [5, 2], [10, 3]], { left: 0, right: 10, low: 1, high: 3 }), "0.0,72.0 120.0,36.0 240.0,0.0");
  assert.equal(corners([[4, 1]], { left: 4, right: 4, low: 1, high: 1 }), "0.0,72.0");
});

Deno.test("masks find the pictures of their names", () => {
  const one = (/** @type {string} */ of) => ({ file: `${of}1`, name: `${of}.png`, of, thumb: "", size: "" });
  const pictures = ["cat", "dog"].map((of) => ({ ...one(of), mask: null, box: null })), mask = one("dog"), stray = one("cow");
  assert.deepEqual(attach(pictures, [mask, stray]), [stray]);
  assert.deepEqual(pictures.map((picture) => picture.mask), [null, mask]);
});

Deno.test("a rectangle is drawn from any corner, stays inside, and is moved by keys", () => {
  assert.deepEqual(between([0.8, 1.4], [0.2, 0.5]), [0.2, 0.5, 0.8, 1]);
  assert.equal(between([0.5, 0.5], [0.51, 0.9]), null);
  const moved = pushed([0.5, 0.5, 0.75, 0.75], "ArrowLeft", false)?.map((share) => share.toFixed(2));
  assert.deepEqual(moved, ["0.48", "0.50", "0.73", "0.75"]);
  assert.deepEqual(pushed([0, 0, 1, 1], "ArrowRight", false), [0, 0, 1, 1]);
  assert.deepEqual(pushed([0, 0, 0.5, 1], "ArrowDown", true), [0, 0, 0.5, 1]);
  assert.equal(pushed([0, 0, 1, 1], "Enter", false), null);
});

Deno.test("little counts outside the masks for all methods that know them", () => {
  const outside = { name: "outside", value: "1" }, rank = { name: "rank", value: "8" };
  const methods = { a: { fields: [rank, outside] }, b: { fields: [rank] } };
  /** @type {Record<string, Record<string, string>>} */
  const settings = { a: { rank: "4" } };
  countOutside(settings, methods, true);
  assert.deepEqual(settings, { a: { rank: "4", outside: "0.1" } });
  assert.deepEqual([inside(settings.a, methods.a.fields), inside(undefined, methods.a.fields), inside({}, [rank])], [true, false, null]);
  countOutside(settings, methods, false);
  assert.deepEqual(settings, { a: { rank: "4" } });
});

Deno.test("a prompt stands beside a row that is called otherwise", () => {
  const strips = { rows: ["subject", "a star"], prompts: ["a <cat>", "a star"] };
  assert.deepEqual([0, 1, 2].map((row) => promptBeside(strips, row)), ["a <cat>", "", ""]);
});

Deno.test("a pressed word goes into a field of words, and out of it when it is pressed again", () => {
  assert.equal(toggled("", "cat"), "cat");
  assert.equal(toggled(" cat ,boat,", "by the sea"), "cat, boat, by the sea");
  assert.equal(toggled("cat,  by  the sea", "by the sea"), "cat");
  assert.deepEqual(listed(" , "), []);
});

Deno.test("an interval has its place on a bar, and can be seen where it is narrow", () => {
  const cell = { text: "", reach: "", at: 0.5, low: 0.25, high: 0.75 };
  assert.deepEqual(placeOfReach(cell), { left: 25, width: 50, at: 50 });
  assert.equal(placeOfReach({ ...cell, low: 0.5, high: 0.5 })?.width, 1);
  assert.equal(placeOfReach({ ...cell, low: null }), null);
});

Deno.test("models that say that they never saw it come first, and one of the same role is taken", () => {
  const model = (/** @type {string} */ id, /** @type {string} */ role, world = "pocket 32") => ({ id, title: id, role, world });
  const models = [model("a", "teacher"), model("b", "student"), model("c", "teacher"), model("d", "teacher", "pocket 64")];
  const found = controls(models, "a", ["b", "c"]);
  assert.deepEqual([found.said, found.others].map((list) => list.map((one) => one.id)), [["b", "c"], []]);
  assert.equal(usual(found.said, "teacher"), "c");
  assert.equal(usual([], "teacher"), "");
  assert.deepEqual(controls(models, "a", []).others.map((one) => one.id), ["b", "c"]);
});

Deno.test("what an audit comes to is said before it starts", () => {
  const attack = (/** @type {string} */ name, access = "prompts") => ({ name, title: name, clause: name, access, about: "" });
  const chosen = [attack("seeds"), attack("relearning", "weights")];
  assert.equal(expected(chosen, 2, 3, "64"),
    "All 2 attacks on three models; 64 pictures for every figure, 256 of plain prompts. One of them trains, which takes longest.");
  assert.equal(expected([attack("search")], 2, 2, "8"), "One attack on two models; 8 pictures for every figure.");
  assert.equal(expected([], 2, 2, "8"), "No attack is chosen.");
});

Deno.test("another candidate is the next arm that is not there yet, or another model", () => {
  const models = [{ id: "a", arms: [{ arm: "" }, { arm: "teacher" }] }, { id: "b", arms: [{ arm: "" }] }];
  const row = (/** @type {string} */ model, arm = "") => ({ model, arm, adapters: [] });
  assert.deepEqual(another([], models), row("a"));
  assert.deepEqual(another([row("a")], models), row("a", "teacher"));
  assert.deepEqual(another([row("a"), row("a", "teacher")], models), row("b"));
  assert.deepEqual(another([], []), row(""));
});

Deno.test("candidates that another tab brings are rows, and anything else is none", () => {
  assert.deepEqual(rowsOf('[{"model": "a", "arm": "teacher"}]'), [{ model: "a", arm: "teacher", adapters: [] }]);
  for (const text of ["", "{}", "[", "3"]) assert.deepEqual(rowsOf(text), []);
});

Deno.test("a file of prompts is text of a size, or one sentence says why not", () => {
  const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text).buffer;
  const why = (/** @type {string} */ name, /** @type {ArrayBuffer} */ data) => {
    const found = textOf(name, data);
    return "problem" in found ? found.problem : "";
  };
  assert.deepEqual(textOf("a.txt", bytes("a cat\r\na boat")), { text: "a cat\na boat" });
  assert.match(why("a.txt", bytes("  \n")), /^a.txt is empty; a plain text file/);
  assert.match(why("a.png", new Uint8Array([137, 80, 78, 71, 255]).buffer), /no text in UTF-8/);
  assert.match(why("a.bin", bytes("a\0b")), /is no text;/);
  assert.match(why("a.txt", new ArrayBuffer(400_001)), /more than 400,000 bytes/);
});

Deno.test("an interval lies on its bar from end to end, and around zero", () => {
  assert.deepEqual(placed({ text: "", reach: "", at: 0.5, low: 0.25, high: 0.75 }), { left: 25, width: 50, at: 50 });
  assert.deepEqual(placed({ text: "", reach: "", at: 0, low: -0.1, high: 0.2 }, -0.2, 0.2), { left: 25, width: 75, at: 50 });
  assert.equal(placed({ text: "–", reach: "", at: 1, low: null, high: null }), null);
});
