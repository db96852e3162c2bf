// The tour without a page.
import assert from "node:assert/strict";
import { moved, STOPS } from "../../assets/ui/kit/tour.js";

Deno.test("the tour has five steps, each says something and points at something", () => {
  assert.equal(STOPS.length, 5);
  for (const { title, text, at } of STOPS) {
    assert.ok(title && text.length > 60 && text.length < 420 && at.length, title);
  }
});

Deno.test("it goes on and back, and no further than its ends", () => {
  assert.deepEqual([moved(0, -1), moved(0, 1), moved(3, 1), moved(4, 1)], [0, 1, 4, 4]);
});
