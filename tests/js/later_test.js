// Which tabs are asked for first, how often, and who waits for them.
import assert from "node:assert/strict";
import { mock } from "node:test";
import { asks, brought, came, wanted } from "../../assets/ui/kit/later.js";

/** @type {string[]} who asks is found once a page */
const asked = [];

Deno.test("the tab of the address comes first, then the one whose run it names", () => {
  const tabs = ["scrub", "control", "lab"];
  assert.deepEqual(wanted(tabs, ""), tabs);
  assert.deepEqual(wanted(tabs, "?tab=lab"), ["lab", "scrub", "control"]);
  assert.deepEqual(wanted(tabs, "?tab=compare&study=s"), ["lab", "scrub", "control"]);
  assert.deepEqual(wanted(tabs, "?tab=control&scrub=r"), ["control", "scrub", "lab"]);
});

Deno.test("a tab is asked for once, and who waits for it goes on when it has come", async () => {
  /** @type {string[]} */
  const done = [];
  const one = brought(["lab"]).then(() => done.push("one"));
  asks((event) => asked.push(event));
  const both = brought(["lab", "scrub"]).then(() => done.push("both"));
  await new Promise((soon) => setTimeout(soon));
  assert.deepEqual(asked, ["bring_lab", "bring_scrub"]);
  came("lab");
  await one;
  assert.deepEqual(done, ["one"]);
  came("scrub");
  await both;
  await brought(["lab"]);
  assert.deepEqual([asked.length, done], [2, ["one", "both"]]);
});

Deno.test("a tab that does not come is asked for again, and no more once it is there", async () => {
  mock.timers.enable({ apis: ["setInterval"] });
  asked.length = 0;
  const there = brought(["grid"]);
  await Promise.resolve();
  mock.timers.tick(25000);
  assert.equal(asked.length, 3);
  came("grid");
  await there;
  mock.timers.tick(25000);
  assert.equal(asked.length, 3);
  mock.timers.reset();
});
