// The run that the jobs panel shows when answers overtake each other.
import assert from "node:assert/strict";
import { answers, listOf } from "../../assets/ui/jobs/choice.js";

/**
 * @param {string} asked
 * @param {string} chosen
 */
function value(asked, chosen) {
  const jobs = /** @type {import("../../assets/ui/jobs/types.js").Job[]} */ (["new", "old"].map((id) => ({ id })));
  const detail = /** @type {import("../../assets/ui/jobs/types.js").Detail} */ ({ run: chosen });
  return { jobs, asked, chosen, detail: chosen ? detail : null, counts: { active: 0, text: "" }, downloads: { active: 0, text: "" } };
}

Deno.test("a look at the run of before does not choose it when the panel is opened on the first one", () => {
  const late = value("old", "old");
  assert.equal(answers(late, "first"), false);
  assert.equal(listOf(late, "first", null).chosen, "");
  assert.equal(listOf(late, "first", value("", "")).detail, null);
  assert.equal(answers(value("first", "new"), "first"), true);
});

Deno.test("a look that began before a run was chosen keeps the choice, and what is shown of it", () => {
  const late = value("old", "old"), shown = value("new", "new");
  assert.equal(answers(late, "new"), false);
  assert.deepEqual(listOf(late, "new", shown).detail, { run: "new" });
  assert.equal(listOf(late, "new", value("old", "old")).detail, null);
});

Deno.test("of a run that is gone the panel goes on to another", () => {
  assert.equal(answers(value("deleted", "new"), "deleted"), true);
});
