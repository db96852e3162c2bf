// Pictures of one's own on their way to a subject: a caption each, what in them is the subject, a name, a word, consent.
// value = {pictures, masks, refused, stamp}: what came with the newest upload. What is typed lives here;
// Keep sends it, and tells "personal-kept" with the subject's card.
import { attr, button, make, put } from "../kit/dom.js";
import { Part, tell } from "../kit/part.js";
import { form, wordOf } from "./form.js";
import { attach, deeds, shot } from "./masks.js";

/** @typedef {import("./masks.js").Brought} Picture */
/** @typedef {import("./masks.js").Masked & { caption: string, held: boolean }} Captioned */
/** @typedef {{ pictures: Picture[], masks: Picture[], refused: string[], stamp: number }} Value */
/** @typedef {{ card?: object, captions?: Record<string, string>, problem?: string }} Answer */

const HELD_FROM = 4; // pictures: from so many on, the last is held back to check with

/** @extends {Part<Value>} */
class Pictures extends Part {
  /** @type {Captioned[]} */
  pictures = [];
  /** @type {Captioned | null} */
  marked = null; // on which a rectangle is drawn now
  shown = true; // masks are
  stamp = 0;
  suggested = "";

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.box = this.$(".p-bring");
    this.kind = this.$(".p-kind", HTMLSelectElement);
    this.title = this.$(".p-title", HTMLInputElement);
    this.word = this.$(".p-word", HTMLInputElement);
    this.noun = this.$(".p-noun", HTMLInputElement);
    this.may = this.$(".p-may", HTMLInputElement);
    this.kept = this.$(".p-keep", HTMLButtonElement);
    this.kind.addEventListener("change", () => void (this.$(".p-of").hidden = this.kind.value === "style"));
    this.title.addEventListener("input", () => this.suggest());
    this.$(".p-first").addEventListener("click", () => void this.edit({}));
    this.$(".p-swap").addEventListener("click", () => void this.edit({
      find: this.$(".p-find", HTMLInputElement).value, replace: this.$(".p-replace", HTMLInputElement).value,
    }));
    this.$(".p-masks").addEventListener("click", () => {
      this.shown = !this.shown;
      this.list();
    });
    this.kept.addEventListener("click", () => void this.keep());
    this.$(".p-drop").addEventListener("click", () => this.leave());
    this.follow(() => this.take());
  }

  /** Adds what was brought; pictures that are there already keep their captions. */
  take() {
    const value = this.value;
    if (!value || value.stamp === this.stamp) return;
    this.stamp = value.stamp;
    const known = new Set(this.pictures.map((one) => one.file));
    const bare = { caption: "", held: false, mask: null, box: null };
    const fresh = value.pictures.filter((one) => !known.has(one.file)).map((one) => ({ ...one, ...bare }));
    this.pictures.push(...fresh);
    const last = this.pictures[this.pictures.length - 1];
    if (this.pictures.length >= HELD_FROM && !this.pictures.some((one) => one.held)) last.held = true;
    const strays = attach(this.pictures, value.masks);
    const refused = [...value.refused, ...strays.map((one) => `${one.name} is a mask, and no picture here is called ${one.of}.`)];
    this.box.hidden = !this.pictures.length && !refused.length;
    this.$(".p-refused").replaceChildren(...refused.map((text) => make("p", "line problem", text)));
    this.say("");
    this.list();
    if (!this.box.hidden) this.box.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  list() {
    this.$(".p-list").replaceChildren(...this.pictures.map((one) => this.row(one)));
    form.pending = this.pictures.length;
    this.drawToggle();
  }

  drawToggle() {
    const toggle = this.$(".p-masks");
    toggle.hidden = !this.pictures.some((one) => one.mask || one.box);
    attr(toggle, "aria-pressed", this.shown);
  }

  /** @param {Captioned | null} one on which a rectangle is drawn from now on */
  mark(one) {
    this.marked = one;
    this.list();
    if (one) this.$(".p-marking").focus();
  }

  /** @param {Captioned} one */
  row(one) {
    const row = make("div", "p-row"), words = make("div", "p-words"), caption = make("input", "p-caption");
    const foot = make("div", "p-foot"), held = make("label"), tick = make("input"), drop = button("p-out", "take out");
    Object.assign(caption, { value: one.caption, placeholder: this.kind.value === "style" ? "a picture in {}" : "a {}" });
    attr(caption, "aria-label", `Caption of ${one.name}`);
    caption.addEventListener("input", () => void (one.caption = caption.value));
    Object.assign(tick, { type: "checkbox", checked: one.held });
    tick.addEventListener("change", () => void (one.held = tick.checked));
    held.title = "Not learnt from: it tells afterwards how near the model came.";
    held.append(tick, "hold back to check with");
    const marking = this.marked === one;
    const deed = deeds(one, marking, {
      mark: (on) => this.mark(on ? one : null),
      clear: () => {
        Object.assign(one, { mask: null, box: null });
        this.mark(null);
      },
    });
    drop.addEventListener("click", () => {
      this.pictures = this.pictures.filter((other) => other !== one);
      this.list();
    });
    foot.append(make("span", "", `${one.name}, ${one.size}`), held, ...deed, drop);
    if (marking) foot.prepend(make("b", "", "Drag over the subject."));
    words.append(caption, foot);
    row.append(shot(one, { shown: this.shown, marking, changed: () => this.drawToggle() }), words);
    return row;
  }

  /** The word follows the name until somebody types another. */
  suggest() {
    if (this.word.value !== this.suggested) return;
    this.suggested = wordOf(this.title.value);
    this.word.value = this.suggested;
  }

  /** @param {{ find?: string, replace?: string }} how */
  async edit(how) {
    const captions = Object.fromEntries(this.pictures.map((one) => [one.file, one.caption]));
    const answer = await this.ask("edit", { captions, kind: this.kind.value, ...how });
    this.say(answer.problem ?? "");
    for (const one of this.pictures) one.caption = answer.captions?.[one.file] ?? one.caption;
    this.list();
  }

  async keep() {
    this.kept.disabled = true;
    const pictures = this.pictures.map(({ file, name, caption, held, mask, box }) => ({
      file, name, caption, held, box, mask: mask?.file,
    }));
    const answer = await this.ask("keep", {
      pictures, kind: this.kind.value, noun: this.noun.value, title: this.title.value, word: this.word.value,
      consent: this.may.checked, base: form.base,
    });
    this.kept.disabled = false;
    this.say(answer.problem ?? "");
    if (!answer.card) return;
    this.leave();
    tell("personal-kept", answer.card);
  }

  /**
   * @param {string} what
   * @param {object} asked
   */
  async ask(what, asked) {
    try {
      return /** @type {Answer} */ (await this.host.server[what](asked));
    } catch {
      return /** @type {Answer} */ ({ problem: "The server did not answer; is the studio still running?" });
    }
  }

  leave() {
    this.pictures = [];
    this.marked = null;
    for (const field of [this.title, this.word, this.noun]) field.value = "";
    this.suggested = "";
    this.may.checked = false;
    this.box.hidden = true;
    this.say("");
    this.list();
  }

  /** @param {string} problem */
  say(problem) {
    const line = this.$(".p-problem");
    line.hidden = !problem;
    put(line, problem);
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Pictures(host);
