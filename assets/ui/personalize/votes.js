// The voting place: pairs of one prompt and two seeds side by side, by click or by key. Pairs are drawn by a worker and
// asked after until all are there; a vote is kept as soon as it is given. Hears "preference-told" with what is chosen; tells
// "preference-sets" with the sets there are now.
import { at, file, put, typing } from "../kit/dom.js";
import { withModifier } from "../kit/keys.js";
import { Part, tell } from "../kit/part.js";
import { download, fileName } from "../kit/files.js";

/** @typedef {{ run: string, index: number, prompt: string, files: string[] }} Pair */
/** @typedef {{ name: string, model: string, said: string }} VoteSet */
/**
 * @typedef {{ problem?: string, run?: string, pairs?: Pair[], from?: number, state?: string, note?: string, final?: boolean,
 *   said?: string, sets?: VoteSet[], text?: string }} Answer
 */

const AGAIN_MS = 700; // between questions after pairs that are being drawn
/** @type {Record<string, string>} */
const CHOICES = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "tie" };

/** What a key says of a pair; "" for nothing. No page needed. @param {string} key */
export const choiceOf = (key) => CHOICES[key] ?? "";

/** @extends {Part<object>} */
class Votes extends Part {
  /** @type {Pair[]} */
  pairs = [];
  place = 0;
  model = "";
  drawing = false;
  busy = false;
  sure = ""; // name of the votes that were asked to be removed
  /** @type {VoteSet[]} */
  sets = [];

  /** @param {import("../kit/part.js").Host<object>} host */
  constructor(host) {
    super(host);
    this.named = this.$(".p-vote-name", HTMLInputElement);
    this.box = this.$(".p-vote");
    this.named.addEventListener("input", () => this.drawSaid());
    this.$(".p-draw").addEventListener("click", () => void this.more());
    this.$(".p-back").addEventListener("click", () => this.back());
    this.$(".p-export").addEventListener("click", () => void this.export());
    this.$(".p-forget").addEventListener("click", () => void this.forget());
    this.$(".p-forget").addEventListener("blur", () => this.sureOf(""));
    const brought = this.$(".p-import input", HTMLInputElement);
    brought.addEventListener("change", () => void this.import(brought));
    this.on("click", (event) => void this.vote(at(event, "[data-choice]")?.dataset.choice ?? ""));
    this.box.addEventListener("keydown", (event) => this.pressed(event));
    this.hear("preference-told", (/** @type {{ sets: VoteSet[], model: string, decides: string }} */ found) => {
      this.sets = found.sets;
      this.$(".p-votes").hidden = found.decides !== "votes";
      this.ofModel(found.model);
      this.drawSaid();
    });
    tell("preference-asked");
  }

  /** Pairs of another model are put away. @param {string} id */
  ofModel(id) {
    if (id === this.model) return;
    this.model = id;
    this.pairs = [];
    this.place = 0;
    const own = this.sets.find((one) => one.model === id);
    if (own) this.named.value = own.name;
    else if (this.sets.some((one) => one.name === this.named.value)) this.named.value = fileName(`votes-${id.replace("/", "-")}`);
    this.draw();
  }

  /** Asks for pairs, and after them until all are there. */
  async more() {
    if (this.drawing) return;
    this.drawing = true;
    const model = this.model, begun = await this.ask("draw", { model, name: this.named.value });
    let from = 0, final = !begun.run;
    this.draw();
    while (!final && model === this.model) {
      const found = await this.ask("look", { run: begun.run, from });
      from = found.from ?? from;
      this.pairs.push(...(found.pairs ?? []).map((pair) => ({ ...pair, run: String(begun.run) })));
      final = Boolean(found.final) || Boolean(found.problem);
      if (found.state === "failed") this.say(found.note ?? "The pairs could not be drawn.");
      this.draw();
      if (!final) await new Promise((then) => setTimeout(then, AGAIN_MS));
    }
    this.drawing = false;
    this.draw();
    if (!this.box.hidden) this.box.focus({ preventScroll: true });
  }

  /** @param {string} choice */
  async vote(choice) {
    const pair = this.pairs[this.place];
    if (!choice || !pair || this.busy) return;
    this.busy = true;
    const answer = await this.ask("vote", { run: pair.run, index: pair.index, choice, name: this.named.value });
    this.busy = false;
    if (answer.problem) return;
    this.place += 1;
    this.changed(answer);
    this.draw();
    if (this.place >= this.pairs.length) await this.more();
  }

  back() {
    this.place = Math.max(0, this.place - 1);
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    if (withModifier(event) || typing(event) || event.repeat) return;
    const choice = choiceOf(event.key);
    if (!choice && event.key !== "ArrowUp") return;
    event.preventDefault();
    if (choice) void this.vote(choice);
    else this.back();
  }

  async export() {
    const name = this.named.value, answer = await this.ask("written", { name });
    if (answer.text) download(new Blob([answer.text], { type: "application/json" }), `${fileName(name)}.json`);
  }

  /** @param {HTMLInputElement} input */
  async import(input) {
    const given = input.files?.[0];
    if (!given) return;
    const answer = await this.ask("bring", { name: this.named.value, text: await given.text() });
    input.value = "";
    if (!answer.problem) this.changed(answer);
  }

  /** Asked twice: votes are gone then. */
  async forget() {
    const asked = this.sure;
    this.sureOf(asked ? "" : this.named.value);
    if (!asked) return;
    const answer = await this.ask("forget", { name: this.named.value });
    if (answer.problem) return;
    this.place = 0;
    this.pairs = [];
    this.changed(answer);
    this.draw();
  }

  /** @param {string} name of the votes that are about to go; "" for none */
  sureOf(name) {
    this.sure = name;
    put(this.$(".p-forget"), name ? `Remove ${name}?` : "Remove");
  }

  /** @param {Answer} answer */
  changed(answer) {
    this.sets = answer.sets ?? [];
    this.drawSaid();
    tell("preference-sets", { sets: answer.sets ?? [], name: this.named.value });
  }

  draw() {
    const pair = this.pairs[this.place];
    this.box.hidden = !pair;
    this.$(".p-draw", HTMLButtonElement).disabled = this.drawing;
    put(this.$(".p-draw"), this.drawing ? "Drawing pairs…" : "Draw pairs");
    if (!pair) return;
    put(this.$(".p-vote-prompt"), pair.prompt);
    for (const [i, side] of ["left", "right"].entries())
      this.$(`.p-side[data-choice="${side}"] img`, HTMLImageElement).src = file(pair.run, pair.files[i]);
    put(this.$(".p-vote-place"), `pair ${this.place + 1} of ${this.pairs.length}`);
    this.$(".p-back", HTMLButtonElement).disabled = !this.place;
  }

  drawSaid() {
    const own = this.sets.find((one) => one.name === this.named.value);
    put(this.$(".p-vote-said"), own?.said ?? "no votes yet");
    for (const name of [".p-export", ".p-forget"]) this.$(name).hidden = !own;
    this.sureOf("");
  }

  /**
   * @param {string} what
   * @param {object} asked
   */
  async ask(what, asked) {
    /** @type {Answer} */
    let answer = { problem: "The server did not answer; is the studio still running?" };
    try {
      answer = /** @type {Answer} */ (await this.host.server[what](asked));
    } catch { /* said below */ }
    this.say(answer.problem ?? "");
    return answer;
  }

  /** @param {string} problem */
  say(problem) {
    const line = this.$(".p-vote-problem");
    line.hidden = !problem;
    put(line, problem);
  }
}

/** @param {import("../kit/part.js").Host<object>} host */
export const mount = (host) => void new Votes(host);
