// Places in a grid, and what stands under its pictures.
import assert from "node:assert/strict";
import { captionOf, figuresOf, nameOf, placeOf, seedsOf, shownSeed, towards, wordsOf } from "../../assets/ui/grid/places.js";

/** @type {(title: string, ...labels: string[]) => import("../../assets/ui/grid/places.js").Axis} */
const axis = (title, ...labels) => ({ setting: title, title, labels, tones: labels.map(() => "") });
const axes = [axis("Arms", "teacher", "student"), axis("Steps", "1", "2", "4"), axis("Pages", "a", "b")];
/** @type {import("../../assets/ui/grid/places.js").Cell} */
const cell = { images: { 10: "a.png", 2: "b.png" }, why: "", figures: [["accuracy", "50 %", "[20–80]"], ["diversity", "0.50", "[0.2–0.8]"], ["NFE", "4", ""]] };

Deno.test("cells are named by their places", () => {
  assert.deepEqual(nameOf(axes, 1, 2, 0), "1-2-0");
  assert.deepEqual(nameOf(axes.slice(0, 1), 1, 0, 0), "1");
  assert.deepEqual(placeOf("1"), [1, 0, 0]);
  assert.deepEqual(wordsOf(axes, "1-2-0"), "Arms student, Steps 4, Pages a");
});

Deno.test("arrow keys go from cell to cell and end at the edges", () => {
  assert.deepEqual(towards(axes, "0-0-1", "ArrowRight"), "1-0-1");
  assert.deepEqual(towards(axes, "1-0-1", "ArrowRight"), "1-0-1");
  assert.deepEqual(towards(axes, "0-2-0", "ArrowDown"), "0-2-0");
  assert.deepEqual(towards(axes.slice(0, 1), "0", "ArrowDown"), "0");
});

Deno.test("a diversity never stands without the accuracy", () => {
  assert.deepEqual(captionOf(cell, "diversity"), "0.50 [0.2–0.8] at\u00a050\u00a0%");
  assert.deepEqual(captionOf(cell, "NFE"), "4");
  assert.deepEqual(captionOf(cell, "FD-oracle"), "");
  assert.deepEqual(captionOf(undefined, "NFE"), "");
});

Deno.test("seeds and figures are those of any cell", () => {
  const other = { ...cell, images: { 3: "c.png" }, figures: [] };
  assert.deepEqual(seedsOf([cell, other]), ["2", "3", "10"]);
  assert.deepEqual(figuresOf([other, cell]), ["accuracy", "diversity", "NFE"]);
  assert.deepEqual(shownSeed(other, "2"), "3");
  assert.deepEqual(shownSeed(cell, "10"), "10");
});
