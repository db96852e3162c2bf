// When the end of a run is said, and in which words.
import assert from "node:assert/strict";
import { standing } from "../../assets/ui/jobs/notify.js";
import { Going, inWords, isNews, LONG_S } from "../../assets/ui/kit/ended.js";
import { gathered, inTitle } from "../../assets/ui/kit/notices.js";

/** @param {number} n */
const ended = (n) => Array.from({ length: n }, (_, i) =>
  ({ run: `r${i}`, tab: "", title: `run ${i}`, text: "distill done", bad: false }));

Deno.test("an end is heard once, with how long it took, and only of a run that was going on", () => {
  const going = new Going();
  assert.equal(going.heard("a", "done", 5), null);
  going.begin("a", 10);
  assert.equal(going.heard("a", "running", 12), null);
  assert.equal(going.heard("a", "done", 31), 21);
  going.begin("a", 31.1); // a late answer calls it live once more
  assert.equal(going.heard("a", "done", 32), null);
  assert.equal(going.heard("a", "queued", 40), null); // somebody resumed it
  assert.equal(going.heard("a", "failed", 42), 2);
});

Deno.test("a run that nobody looks at any more is asked after, one that is gone is forgotten", () => {
  const going = new Going();
  going.begin("a", 0);
  going.begin("b", 0);
  going.heard("b", "running", 3);
  assert.deepEqual(going.alone(5), ["a"]);
  assert.equal(going.heard("a", "", 6), null); // no answer is no end
  assert.deepEqual(going.alone(8), ["b"]);
  going.heard("a", "gone", 9);
  assert.deepEqual(going.alone(99), ["b"]);
});

Deno.test("what a person ended, sees, or waited for is no news", () => {
  const end = { state: "done", lane: "batch", seconds: 1, inFront: false };
  assert.equal(isNews(end), true);
  assert.equal(isNews({ ...end, state: "failed" }), true);
  assert.equal(isNews({ ...end, inFront: true }), false);
  assert.deepEqual(["cancelled", "stopped", "running"].map((state) => isNews({ ...end, state })), [false, false, false]);
  const drawn = { ...end, lane: "interactive" };
  assert.deepEqual([LONG_S - 1, LONG_S].map((seconds) => isNews({ ...drawn, seconds })), [false, true]);
});

Deno.test("the line says the reason of what did not end well", () => {
  const run = { kind: "distill", lane: "batch", title: "dmd2", state: "done", note: "" };
  assert.deepEqual(inWords(run), { title: "dmd2", text: "distill done", bad: false });
  assert.equal(inWords({ ...run, state: "failed", note: "The disk is full." }).text, "distill failed: The disk is full.");
});

Deno.test("several ends are gathered: the newest first, the others counted", () => {
  const { lines, more } = gathered(ended(5));
  assert.deepEqual(lines.map(({ run }) => run), ["r4", "r3", "r2"]);
  assert.equal(more, "2 more runs ended before.");
  assert.equal(gathered(ended(3)).more, "");
  assert.deepEqual([0, 1, 4].map((n) => inTitle(ended(n))), ["", "✓ distill done", "4 runs ended"]);
});

Deno.test("notifications of the system are on only where the browser allows them and a person wished for them", () => {
  assert.equal(standing("", true).hidden, true);
  assert.equal(standing("granted", true).on, true);
  assert.deepEqual([standing("default", true).on, standing("granted", false).on, standing("denied", true).on], [false, false, false]);
});
