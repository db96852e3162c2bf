import assert from "node:assert/strict";
import { asks, brought, came, wanted } from "../../assets/ui/kit/later.js";

Deno.test("the tab of the address comes first, then the one whose run it names", () => {
  const tabs = ["scrub", "control", "lab"];
  assert.deepEqual(wanted(tabs, ""), tabs);
  assert.deepEqual(wanted(tabs, "?tab=lab"), ["lab", "scrub", "control"]);
  assert.deepEqual(wanted(tabs, "?tab=compare&study=s"), ["lab", "scrub", "control"]);
  assert.deepEqual(wanted(tabs, "?tab=control&scrub=r"), ["control", "scrub", "lab"]);
});

Deno.test("a tab is asked for once, and who waits for it goes on when it has come", async () => {
  /** @type {string[]} */
  const asked = [];
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
