// The form that lists a model. value = form.offered(). Tells "model-added" with its id. What is typed stays until it was listed.
import { all, at, attr, button, find, make, put } from "../kit/dom.js";
import { Part, tell } from "../kit/part.js";
import { Upload } from "./upload.js";
import { shownFor, standsOn, wishOf } from "./wish.js";

/** @typedef {{ id: string, title: string }} Choice */
/** @typedef {{ id: string, title: string, timesteps: string, rule: string, guidance: string, eta: string }} Preset */
/**
 * @typedef {{ bases: Choice[], teachers: Choice[], likes: string[], rules: string[], predictions: string[],
 *   recipes: Preset[] }} Value
 */
/** @typedef {{ hits?: { id: string, about: string }[], problem?: string }} Found */
/** @typedef {HTMLInputElement | HTMLSelectElement} Field */

const FOLDED = /pixels|token|name in the list|variant|revision/i; // sentences about fields that are folded away
const NARROW = 820;
const NEXT = "Looks at it and lists it. Nothing is downloaded yet.";
const BRING = "Looks at it and offers it in Control.";
const HERE = /^([/~]|uploads\/)/; // begins a place on the studio's machine
const CLEARED = ["place", "file", "id", "name", "hint"]; // once it is listed; what the next one may have in common stays

/**
 * Offers choices where they are others than before; what is chosen stays where it is still offered.
 * @param {HTMLSelectElement} select
 * @param {[value: string, words: string][]} choices
 */
function offer(select, choices) {
  const key = JSON.stringify(choices), before = select.value;
  if (select.dataset.key === key) return;
  select.dataset.key = key;
  select.replaceChildren(...choices.map(([value, words]) => new Option(words, value)));
  if (choices.some(([value]) => value === before)) select.value = before;
}

/** @extends {Part<Value>} */
class Form extends Part {
  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.$(".m-fold", HTMLDetailsElement).open = innerWidth > NARROW; // on a phone the list comes first
    this.add = this.$(".m-add", HTMLButtonElement);
    this.token = this.$(".m-form-token", HTMLInputElement);
    this.on("change", (event) => this.changed(event));
    this.on("click", (event) => void this.click(event));
    this.on("keydown", (event) => {
      if (event.key === "Enter" && at(event, "[data-field=place]") && !event.ctrlKey) void this.search();
    });
    new Upload(this.$(".m-drop"), {
      wrong: (problem) => this.wrong(problem),
      came: (place) => {
        this.write("place", place);
        void this.look();
      },
    });
    this.follow(() => this.draw());
  }

  /**
   * As if it had been typed.
   * @param {string} name
   * @param {string} text
   */
  write(name, text) {
    this.field(name).value = text;
    this.field(name).dispatchEvent(new CustomEvent("filled", { bubbles: true }));
  }

  /** What is at a place on the studio's machine: the form follows it. */
  async look() {
    const place = this.field("place").value.trim();
    this.seen("");
    if (!HERE.test(place)) return;
    const found = await this.ask("recognise", { place });
    if (place !== this.field("place").value.trim()) return;
    this.wrong(found.problem ?? "");
    if (found.problem) return;
    this.write("holds", found.holds);
    if (found.like) this.write("like", found.like);
    if (found.holds === "controlnet") {
      this.write("name", found.name);
      this.write("hint", found.hint);
    }
    this.field("role").value = standsOn(found.holds) ? "student" : "teacher";
    const proposed = found.hint && ` Its name speaks of ${found.hint}; write what it reads where that is wrong.`;
    this.seen(`${found.said}${proposed}`);
    this.show();
  }

  /** An upload that nothing was made of goes. */
  async forget() {
    const found = await this.ask("forget", { place: this.field("place").value.trim() });
    this.wrong(found.problem ?? "");
    if (found.problem) return;
    this.write("place", "");
    this.seen("");
  }

  /** @param {string} text */
  seen(text) {
    const node = this.$(".m-seen");
    this.$(".m-forget").hidden = !this.field("place").value.startsWith("uploads/");
    node.hidden = !text;
    put(node, text);
  }

  /**
   * @param {string} name
   * @returns {Field}
   */
  field(name) {
    return /** @type {Field} */ (/** @type {unknown} */ (this.$(`[data-field=${name}], [data-recipe=${name}]`)));
  }

  /** @param {string} kind field or recipe */
  texts(kind) {
    const fields = /** @type {Field[]} */ (/** @type {unknown} */ (all(`[data-${kind}]`, this.element)));
    return Object.fromEntries(fields.map((one) => [one.dataset[kind] ?? "", one.value]));
  }

  draw() {
    const value = this.value;
    this.add.disabled = !value;
    if (!value) return;
    /** @param {Choice[]} choices @returns {[string, string][]} */
    const pairs = (choices) => choices.map((one) => [one.id, `${one.title} (${one.id})`]);
    /** @param {string} name */
    const select = (name) => /** @type {HTMLSelectElement} */ (this.field(name));
    offer(select("base"), pairs(value.bases));
    offer(select("teacher"), [["", "What it stands on"], ...pairs(value.teachers)]);
    /** @param {string[]} names @returns {[string, string][]} */
    const same = (names) => names.map((name) => [name, name]);
    /** @param {Preset[]} presets @returns {[string, string][]} */
    const titled = (presets) => presets.map((one) => [one.id, one.title]);
    offer(select("like"), same(value.likes));
    offer(select("rule"), same(value.rules));
    offer(select("prediction"), [["", "that of its base"], ...same(value.predictions)]);
    offer(select("preset"), [["", "As typed below"], ...titled(value.recipes)]);
    this.show();
  }

  /** Fields that go with what is chosen. */
  show() {
    const { holds, role } = this.texts("field");
    for (const box of all("[data-for]", this.element)) box.hidden = !shownFor(box.dataset.for ?? "", holds);
    this.$("[data-student]").hidden = role !== "student" || holds === "controlnet";
    put(this.$(".m-next"), holds === "controlnet" ? BRING : NEXT);
    const first = this.field("teacher").querySelector("option");
    if (first) put(first, standsOn(holds) ? "What it stands on" : "Choose one");
  }

  /** @param {Event} event */
  changed(event) {
    if (at(event, "[data-field=place]")) void this.look();
    const field = at(event, "[data-field=holds], [data-recipe=preset]");
    if (field?.dataset.field) this.field("role").value = standsOn(this.field("holds").value) ? "student" : "teacher";
    if (field?.dataset.recipe) this.fill();
    this.show();
  }

  /** The recipe of a published student. */
  fill() {
    const preset = this.value?.recipes.find((one) => one.id === this.field("preset").value);
    if (!preset) return;
    for (const name of /** @type {const} */ (["timesteps", "rule", "guidance", "eta"])) {
      this.write(name, preset[name]);
    }
  }

  /** @param {MouseEvent} event */
  async click(event) {
    const pressed = at(event, "button");
    if (pressed?.matches(".m-search:not(.m-forget)")) await this.search();
    if (pressed?.matches(".m-add")) await this.submit();
    if (pressed?.matches(".m-forget")) await this.forget();
    if (pressed?.dataset.hit) {
      this.write("place", pressed.dataset.hit);
      this.$(".m-hits").hidden = true;
      put(this.$(".m-found"), "");
    }
  }

  async search() {
    const said = this.$(".m-found"), box = this.$(".m-hits");
    put(said, "looking");
    const found = await this.ask("search", { text: this.field("place").value }), hits = found.hits ?? [];
    put(said, found.problem ? "" : hits.length ? "" : "No model on the Hub has this in its name.");
    this.wrong(found.problem ?? "");
    box.hidden = !hits.length;
    box.replaceChildren(...hits.map((/** @type {{ id: string, about: string }} */ hit) => {
      const pick = button("m-hit", undefined, { hit: hit.id });
      pick.append(make("b", "", hit.id), make("small", "", hit.about));
      return pick;
    }));
  }

  async submit() {
    this.add.disabled = true;
    attr(this.add, "aria-busy", true);
    const wish = wishOf(this.texts("field"), this.texts("recipe"));
    const control = wish.holds === "controlnet";
    const found = await this.ask(control ? "bring" : "add", control ? wish : { ...wish, token: this.token.value });
    this.add.disabled = false;
    attr(this.add, "aria-busy", false);
    this.wrong(found.problem ?? "");
    if (!found.id) return;
    this.token.value = "";
    for (const name of CLEARED) this.write(name, "");
    this.seen(found.said ?? "");
    if (control) return;
    tell("model-added", { id: found.id });
    const offers = await this.ask("offers", {});
    if (offers.bases) this.host.props.value = offers;
    this.draw();
  }

  /**
   * @param {string} name
   * @param {object} wish
   * @returns {Promise<any>}
   */
  ask(name, wish) {
    return this.host.server[name](wish).catch(() => ({ problem: "The studio does not answer; try again." }));
  }

  /** @param {string} text */
  wrong(text) {
    const node = find(".m-wrong", this.element);
    node.hidden = !text;
    put(node, text);
    if (FOLDED.test(text)) this.$(".p-more", HTMLDetailsElement).open = true;
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Form(host);
