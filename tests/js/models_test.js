// The Models tab: how models are grouped and found, what a form asks for, what may be asked of a download.
import assert from "node:assert/strict";
import { asks, countOf, ended, fits, grouped, markOf, standing } from "../../assets/ui/models/groups.js";
import { said, sized, unfit } from "../../assets/ui/models/upload.js";
import { wishOf } from "../../assets/ui/models/wish.js";

const model = {
  id: "sdxl/lcm", title: "LCM of SDXL", role: "student", teacher: "sdxl/base", group: "hub", family: "SDXL", size: 1024,
  form: "network on sdxl/base", bytes: "size unknown", licence: "openrail++", summary: "", lacks: "Not downloaded yet.", pair: "",
  with: "", download: true, remove: "", page: "", facts: [],
};
const tiny = { ...model, id: "tiny/a", title: "Tiny", role: "teacher", teacher: "", group: "here", family: "Tiny", lacks: "" };
const load = { run: "r", state: "running", live: true, percent: 3, text: "", asked: "" };

Deno.test("models stand by where they are, then by family, and only those that fit what is typed", () => {
  const groups = grouped([model, tiny, { ...model, id: "sdxl/other" }]);
  assert.deepEqual(groups.map((group) => [group.name, countOf(group)]), [["here", 1], ["hub", 2]]);
  assert.deepEqual(grouped([model, tiny], "lcm SDXL").map((group) => group.name), ["hub"]);
  assert.ok(fits(model, "") && fits(model, "network openrail") && !fits(model, "lcm tiny"));
});

Deno.test("a line says what a model is to another one, and whether it can be used", () => {
  assert.equal(standing(model), "student of sdxl/base");
  assert.equal(standing(tiny), "teacher");
  assert.deepEqual([model, tiny, { ...tiny, lacks: "No recipe." }].map(markOf), ["away", "ready", "lacking"]);
});

Deno.test("a download offers what fits its state, and its end is noticed", () => {
  assert.deepEqual(asks(load).map(([action]) => action), ["pause", "cancel"]);
  assert.deepEqual(asks({ ...load, asked: "pause" }), []);
  assert.deepEqual(asks({ ...load, live: false, state: "paused" }).map(([action]) => action), ["resume", "cancel"]);
  assert.deepEqual(asks({ ...load, live: false, state: "failed" }), [["resume", "Try again"]]);
  assert.ok(ended({ a: load }, {}) && !ended({ a: load }, { a: load }) && !ended({ a: { ...load, live: false } }, {}));
});

Deno.test("only fields that are shown are asked for", () => {
  const fields = { place: "a/b", holds: "pipeline", file: "left.safetensors", base: "x/y", role: "teacher", teacher: "x/y", id: " " };
  assert.deepEqual(wishOf(fields, { rule: "lcm" }), { place: "a/b", holds: "pipeline", role: "teacher" });
  const student = wishOf({ ...fields, holds: "lora", role: "student" }, { rule: "lcm" });
  assert.deepEqual(student.recipe, { rule: "lcm" });
  assert.equal(student.file, "left.safetensors");
  assert.equal(student.teacher, "x/y");
});

Deno.test("a ControlNet is asked for by what it reads, without a role", () => {
  const fields = { place: "/a/b.safetensors", holds: "controlnet", hint: "canny", name: "", role: "student", base: "x/y" };
  assert.deepEqual(wishOf(fields, { rule: "lcm" }), { place: "/a/b.safetensors", holds: "controlnet", hint: "canny", name: "" });
});

Deno.test("a file is looked at before it is sent, and how far it is stands in words", () => {
  const start = new Uint8Array(16);
  assert.ok(unfit("a.ckpt", start).includes("no .safetensors"));
  assert.ok(unfit("a.safetensors", start).includes("does not begin as"));
  start[8] = "{".charCodeAt(0);
  assert.equal(unfit("a.safetensors", start), "");
  assert.deepEqual([999, 1500, 6.9e9, 120e6].map(sized), ["999 B", "1.5 KB", "6.9 GB", "120 MB"]);
  assert.equal(said(0, 2e9, 0), "0 B of 2.0 GB");
  assert.equal(said(1e9, 2e9, 10), "1.0 GB of 2.0 GB, 10 s left");
  assert.equal(said(1e8, 2e9, 10), "100 MB of 2.0 GB, 3 min left");
});
