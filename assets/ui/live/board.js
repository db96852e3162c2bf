// The live canvas: what is typed goes to the run, pictures come back, and each says how long it took.
// value = LiveView.board(), or {run: null}.
import { remember } from "../kit/address.js";
import { at, button, file, find, make, put, rebuild, tone } from "../kit/dom.js";
import { Part } from "../kit/part.js";
import { Talk } from "./talk.js";

/** @typedef {{ arm: string, title: string, tone: string }} Arm */
/** @typedef {{ prompt: string, arms: { arm: string, images: string[] }[] }} Text */
/**
 * @typedef {object} View
 * @property {string} run
 * @property {string} prompt
 * @property {Arm[]} arms
 * @property {number[]} seeds
 * @property {string} state
 * @property {boolean} live
 * @property {string} status
 * @property {string[]} notices
 * @property {Text[]} texts
 */
/** @typedef {View | { run: null }} Value */

const FIELD = "#live-prompt textarea";
const RATE_MS = 3000; // pictures a second are counted over so long
const BEGIN_MS = 5000; // a run that was asked for and did not come may be asked for again

/**
 * Pictures a second of moments within the last while; "" while there are too few.
 * @param {number[]} moments ms, in their order
 * @param {number} now
 */
export function rate(moments, now) {
  const late = moments.filter((one) => now - one < RATE_MS);
  return late.length < 3 ? "" : `${((1000 * (late.length - 1)) / (late[late.length - 1] - late[0])).toFixed(1)} a second`;
}

/** @param {number} ms */
export const time = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

/**
 * @param {string} src
 * @param {string} alt
 */
const picture = (src, alt) => Object.assign(new Image(), { src, alt });

/** @extends {Part<Value>} */
class Board extends Part {
  /** @type {View | null} */
  view = null;
  /** @type {Talk | null} */
  talk = null;
  text = ""; // as it was typed last
  typed = 0; // when
  begun = -Infinity; // when a run was asked for
  /** @type {Map<number, number>} when each wish was typed */
  since = new Map();
  /** @type {number[]} when pictures of the first arm came */
  came = [];
  newest = -1; // wish whose picture of the first arm is shown

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.onPage("input", (event) => {
      const field = at(event, FIELD);
      if (field instanceof HTMLTextAreaElement && event.isTrusted) this.write(field.value);
    });
    this.on("click", (event) => this.pressed(event));
    this.follow(() => this.draw());
  }

  /** @param {string} value */
  write(value) {
    const text = value.trim().replace(/\s+/g, " ");
    if (!text || text === this.text) return;
    this.text = text;
    this.typed = performance.now();
    if (this.talk) this.talk.say(text);
    else this.begin();
  }

  begin() {
    const now = performance.now();
    if (now - this.begun < BEGIN_MS) return;
    this.begun = now;
    this.trigger("begin", {});
  }

  draw() {
    const value = this.value, view = value?.run ? value : null;
    if (view?.run !== this.view?.run) this.turn(view);
    this.view = view;
    this.$(".board").dataset.state = view ? (view.live ? "running" : view.state) : "empty";
    if (!view) return;
    put(this.$(".b-chip"), view.live ? (view.state === "running" ? "live" : view.state) : "ended");
    const said = view.live ? view.status : `${view.status} Type on to begin again.`.trim();
    if (said) put(this.$(".b-text"), said);
    this.$(".b-notices").replaceChildren(...view.notices.map((text) => make("li", "", text)));
    this.past(view);
  }

  /** @param {View | null} view another run than before */
  turn(view) {
    if (this.talk) this.talk.over = true;
    this.talk = null;
    this.since.clear();
    this.newest = -1;
    this.begun = -Infinity;
    if (!view) return;
    remember("live", view.run);
    rebuild(this.$(".liv-wall"), JSON.stringify([view.arms, view.seeds]), () => {
      const [first, ...others] = view.arms.map((arm) => this.figure(arm, view.seeds));
      const beside = make("div", "liv-others");
      beside.append(...others);
      return [first, beside];
    });
    if (!view.live) return this.ended(view);
    this.text ||= view.prompt;
    this.since.set(0, this.typed || performance.now());
    const talk = this.talk = new Talk(view.run, {
      told: (told) => this.told(told),
      sent: (wish) => this.since.set(wish, this.typed),
      ended: () => {
        if (this.talk === talk) this.talk = null;
      },
      refused: (sentence) => this.say(sentence),
    });
    talk.listen();
    if (this.text !== view.prompt) talk.say(this.text);
  }

  /**
   * @param {Arm} arm
   * @param {number[]} seeds
   */
  figure(arm, seeds) {
    const box = make("figure", "liv-fig"), head = make("figcaption"), set = make("div", "liv-set");
    box.dataset.arm = arm.arm;
    tone(box, `--arm-${arm.tone}`);
    head.append(make("b", "", arm.title), make("span", "liv-said"));
    set.dataset.many = String(seeds.length);
    set.append(...seeds.map(() => make("div")));
    box.append(head, set);
    return box;
  }

  /**
   * The figure of an arm.
   * @param {string} arm
   */
  of(arm) {
    const box = this.element.querySelector(`.liv-fig[data-arm="${CSS.escape(arm)}"]`);
    return box instanceof HTMLElement ? box : null;
  }

  /** @param {import("./talk.js").Told} told */
  told(told) {
    const canvas = told.canvas, now = performance.now();
    this.say(canvas.why ?? "");
    for (const drawn of canvas.arms ?? []) this.show(told.run, drawn, canvas.wish ?? 0);
    const doing = canvas.doing;
    if (doing) this.caption(doing.arm, `step ${doing.step} of ${doing.steps}`);
    const speed = rate(this.came, now);
    if (told.live && canvas.wish !== undefined) put(this.$(".b-text"), speed);
  }

  /**
   * @param {string} run
   * @param {import("./talk.js").Drawn} drawn
   * @param {number} wish the newest
   */
  show(run, drawn, wish) {
    const box = this.of(drawn.arm), first = drawn.arm === this.view?.arms[0]?.arm;
    if (!box) return;
    box.dataset.stale = String(drawn.wish < wish);
    if (box.dataset.wish === String(drawn.wish)) return;
    box.dataset.wish = String(drawn.wish);
    const places = [...box.querySelectorAll(".liv-set > div")];
    drawn.images.forEach(async (one, i) => {
      const image = picture(file(run, one.path), `${drawn.prompt}, ${drawn.arm}, seed ${one.seed}`);
      await image.decode().catch(() => {});
      if (box.dataset.wish !== String(drawn.wish)) return; // a newer one came meanwhile
      places[i]?.replaceChildren(image);
      if (first && !i) this.arrived(drawn);
    });
    if (!first) this.caption(drawn.arm, `${time(drawn.ms)} · ${drawn.nfe} NFE`);
  }

  /** @param {import("./talk.js").Drawn} drawn by the first arm, and on the page now */
  arrived(drawn) {
    const now = performance.now(), since = this.since.get(drawn.wish);
    this.came = [...this.came, now].slice(-60);
    this.newest = drawn.wish;
    for (const wish of this.since.keys()) {
      if (wish < drawn.wish) this.since.delete(wish);
    }
    const here = since === undefined ? "" : ` · here ${time(now - since)} after the letter`;
    this.caption(drawn.arm, `drawn in ${time(drawn.ms)}${here} · ${drawn.nfe} NFE`);
    this.$(".board").dataset.wish = String(drawn.wish);
  }

  /**
   * @param {string} arm
   * @param {string} text
   */
  caption(arm, text) {
    const said = this.of(arm)?.querySelector(".liv-said");
    if (said) put(said, text);
  }

  /** @param {string} sentence */
  say(sentence) {
    const why = this.$(".liv-why");
    why.hidden = !sentence;
    put(why, sentence);
  }

  /** @param {View} view that has ended: what is kept of its last text */
  ended(view) {
    const last = view.texts[view.texts.length - 1];
    for (const drawn of last?.arms ?? []) {
      const places = this.of(drawn.arm)?.querySelectorAll(".liv-set > div");
      for (const [i, path] of drawn.images.entries()) {
        places?.[i]?.replaceChildren(picture(file(view.run, path), `${last.prompt}, ${drawn.arm}`));
      }
    }
  }

  /** @param {View} view */
  past(view) {
    this.$(".liv-past").hidden = !view.texts.length;
    const tones = new Map(view.arms.map((arm) => [arm.arm, arm.tone]));
    rebuild(this.$(".liv-texts"), JSON.stringify([view.run, view.texts.length]), () => [...view.texts].reverse().map((text) => {
      const box = make("figure"), row = make("div"), words = button("", text.prompt, { prompt: text.prompt });
      words.title = "Put this text back";
      for (const one of text.arms) {
        if (!one.images.length) continue;
        const image = picture(file(view.run, one.images[0]), one.arm);
        image.title = one.arm;
        tone(image, `--arm-${tones.get(one.arm) ?? "other"}`);
        row.append(image);
      }
      box.append(row, words);
      return box;
    }));
  }

  /** @param {MouseEvent} event */
  pressed(event) {
    const text = at(event, ".liv-texts button");
    if (text) {
      const field = find(FIELD, document, HTMLTextAreaElement);
      field.value = text.dataset.prompt ?? "";
      field.dispatchEvent(new Event("input", { bubbles: true }));
      this.write(field.value);
      field.focus();
    }
    if (at(event, ".liv-compare")) this.trigger("compare", {});
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => new Board(host);
