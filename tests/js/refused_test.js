// Which answers of the server are said on the page.
import assert from "node:assert/strict";
import { refusal } from "../../assets/ui/kit/refused.js";

/**
 * @param {string} path
 * @param {string} body
 * @param {number} status
 */
function answer(path, body, status = 400) {
  const made = new Response(body, { status });
  Object.defineProperty(made, "url", { value: `http://127.0.0.1:7860${path}` });
  return made;
}

Deno.test("the sentence of a refused event is said, and nothing of other answers", async () => {
  const said = JSON.stringify({ error: "No tab shows a mixture job." }), run = "/gradio_api/run/predict";
  assert.equal(await refusal(answer(run, said)), "No tab shows a mixture job.");
  assert.equal(await refusal(answer(run, said, 200)), "");
  assert.equal(await refusal(answer("/live/run", said)), "", "who asks there says it in its own place");
  for (const odd of ["", "<html>", "null", "{}", JSON.stringify({ error: null })]) assert.equal(await refusal(answer(run, odd)), "");
});

Deno.test("what is said leaves the answer to whoever asked", async () => {
  const one = answer("/gradio_api/run/predict", JSON.stringify({ error: "Too much." }));
  await refusal(one);
  assert.equal((await one.json()).error, "Too much.");
});
