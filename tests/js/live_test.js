// The page's talk with a live run: one request at a time, the newest text, and how its end is heard.
import assert from "node:assert/strict";
import { rate, time } from "../../assets/ui/live/board.js";
import { Talk } from "../../assets/ui/live/talk.js";

/** @type {(body: object | null, status?: number) => Response} */
const answer = (body, status = 200) => new Response(body && JSON.stringify(body), { status });

/** @param {(address: string, options?: RequestInit) => Promise<Response>} ask */
function talking(ask) {
  /** @type {unknown[][]} */
  const heard = [];
  /** @type {(name: string) => (...given: unknown[]) => void} */
  const hear = (name) => (...given) => heard.push([name, ...given]);
  const talk = new Talk("r1", { told: hear("told"), sent: hear("sent"), ended: hear("ended"), refused: hear("refused") },
    /** @type {typeof fetch} */ (/** @type {unknown} */ (ask)));
  return { talk, heard };
}

Deno.test("what is typed while a text is on its way replaces what waits", async () => {
  /** @type {string[]} */
  const out = [];
  /** @type {(() => void)[]} */
  const go = [];
  const { talk, heard } = talking(async (_, options) => {
    out.push(JSON.parse(String(options?.body)).prompt);
    await new Promise((done) => go.push(() => done(undefined)));
    return answer({ wish: out.length }, 202);
  });
  const saying = talk.say("a");
  talk.say("ab");
  talk.say("abc");
  go[0]();
  await new Promise((done) => setTimeout(done));
  go[1]();
  await saying;
  assert.deepEqual(out, ["a", "abc"]);
  assert.deepEqual(heard, [["sent", 1, "a"], ["sent", 2, "abc"]]);
});

Deno.test("a run that has ended is said once, and nothing goes out any more", async () => {
  let asked = 0;
  const { talk, heard } = talking(() => {
    asked += 1;
    return Promise.resolve(answer({ wish: null, note: "over" }));
  });
  await talk.say("a");
  await talk.say("b");
  await talk.listen();
  assert.deepEqual([asked, heard], [1, [["ended"]]]);
});

Deno.test("a refusal and a server that is away are sentences, and the next text goes out", async () => {
  const answers = [() => Promise.resolve(answer({ error: "Too long." }, 422)), () => Promise.reject(new Error("away")),
    () => Promise.resolve(answer({ wish: 3 }, 202))];
  const { talk, heard } = talking(() => /** @type {() => Promise<Response>} */ (answers.shift())());
  for (const text of ["a", "b", "c"]) await talk.say(text);
  assert.deepEqual(heard.map(([name]) => name), ["refused", "refused", "sent"]);
  assert.equal(heard[0][1], "Too long.");
});

Deno.test("the canvas is asked for with what was seen, until the run has ended", async () => {
  /** @type {string[]} */
  const asked = [];
  const answers = [answer({ live: true, tag: "a:1" }), answer(null, 304), answer({ live: false, tag: "b" })];
  const { talk, heard } = talking((address) => {
    asked.push(address);
    return Promise.resolve(/** @type {Response} */ (answers.shift()));
  });
  await talk.listen();
  assert.deepEqual(asked, ["live/r1?wait=0&seen=", "live/r1?wait=20&seen=a%3A1", "live/r1?wait=20&seen=a%3A1"]);
  assert.deepEqual(heard.map(([name]) => name), ["told", "told", "ended"]);
});

Deno.test("pictures a second are those of the last while, and times are short", () => {
  assert.equal(rate([0, 100, 200, 5000, 5200, 5400], 5500), "5.0 a second");
  assert.equal(rate([5000, 5200], 5500), "");
  assert.deepEqual([time(61.4), time(1240)], ["61 ms", "1.2 s"]);
});
