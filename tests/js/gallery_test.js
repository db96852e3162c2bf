// What the Gallery asks for, in addresses and in words.
import assert from "node:assert/strict";
import { choose, counted, narrows, next, nothing, ofQuery, tagsOf, toAddress } from "../../assets/ui/gallery/asked.js";

Deno.test("a search is an address, and an address a search", () => {
  const asked = { ...nothing(), find: "red cat & more", kind: "compare", with: "nano/dmd2", favourites: "yes" };
  const address = toAddress("http://here/?tab=lab&study=3&state=done", asked);
  assert.equal(new URL(address).searchParams.get("tab"), "gallery");
  assert.deepEqual(ofQuery(new URL(address).search), asked);
  assert.equal(toAddress("http://here/?find=x&order=oldest", nothing()), "http://here/?tab=gallery");
});

Deno.test("an order leaves out nothing, words do", () => {
  assert.equal(narrows({ ...nothing(), order: "oldest" }), false);
  assert.equal(narrows({ ...nothing(), find: "cat" }), true);
  assert.equal(counted(3, true, 200), "3 runs of 200");
  assert.equal(counted(1, false, 1), "1 run");
  assert.match(counted(0, true, 7), /No run fits/);
  assert.match(counted(0, false, 0), /Nothing yet/);
});

Deno.test("arrow keys stay among the cards", () => {
  assert.deepEqual([next(0, [1, 0], 3, 7), next(0, [-1, 0], 3, 7), next(2, [0, 1], 3, 7), next(5, [0, 1], 3, 7)], [1, -1, 5, -1]);
});

Deno.test("tags have commas between them, and the last two runs are chosen", () => {
  assert.deepEqual(tagsOf(" cats , paper,, cats"), ["cats", "paper"]);
  assert.deepEqual([["a"], ["a", "b"], ["b", "c"]].map((before) => choose(before, "c")), [["a", "c"], ["b", "c"], ["b"]]);
});
