// Which model learns the subject, and how: the recommended method in a sentence, the others and every setting folded away, and
// what it takes.
// value = {models, methods, base, steps, wait}. What is chosen and typed lives in form.js, or in the form of whoever
// stands on it.
import { attr, button, find, make, put, rebuild } from "../kit/dom.js";
import { Estimate } from "../kit/estimate.js";
import { Part } from "../kit/part.js";
import { countOutside, form, inside, sent } from "./form.js";

/** @typedef {{ id: string, title: string, role: string, why: string, recommended: string, methods: string[] }} Model */
/** @typedef {{ name: string, label: string, kind: string, info: string, choices: string[], value: string }} Field */
/** @typedef {{ title: string, how: string, good_for: string, status: string, negative: boolean, fields: Field[] }} Method */
/** @typedef {{ models: Model[], methods: Record<string, Method>, base: string, steps: number, wait: string }} Value */

/** @typedef {Pick<import("./form.js").Form, "base" | "method" | "name" | "steps" | "settings">} Choice */

/**
 * @template {Omit<Value, "models"> & { models: Model[] }} V
 * @extends {Part<V>}
 */
export class Options extends Part {
  /**
   * @param {import("../kit/part.js").Host<V>} host
   * @param {Choice} form what is chosen and typed
   */
  constructor(host, form) {
    super(host);
    this.form = form;
    this.model = this.$(".p-model", HTMLSelectElement);
    this.steps = this.$(".p-steps", HTMLInputElement);
    this.named = this.$(".p-name", HTMLInputElement);
    this.model.addEventListener("change", () => this.choose(this.model.value));
    this.steps.addEventListener("input", () => void (this.form.steps = this.steps.value));
    this.named.addEventListener("input", () => void (this.form.name = this.named.value));
    this.cost = new Estimate(this.$(".p-cost"), host.server, () => sent(this.form));
    this.on("input", () => this.cost.changed()); // after the field's own
    this.on("click", () => this.cost.changed()); // of a method
    this.follow(() => this.draw());
  }

  get chosen() {
    return this.value?.models.find((one) => one.id === this.form.base);
  }

  draw() {
    const value = this.value;
    if (!value?.models.length) return;
    if (!this.chosen) this.form.base = value.base;
    if (!this.form.steps) this.form.steps = String(value.steps);
    this.steps.value = this.form.steps;
    rebuild(this.model, JSON.stringify(value.models.map((one) => one.id)), () =>
      value.models.map((one) => new Option(`${one.title} (${one.role})`, one.id)));
    this.$(".p-wait").hidden = !value.wait;
    put(this.$(".p-wait"), value.wait);
    this.choose(this.form.base);
    this.cost.changed();
  }

  /** @param {string} id of a model */
  choose(id) {
    this.form.base = id;
    this.model.value = id;
    const model = this.chosen;
    if (!model) return;
    if (!model.methods.includes(this.form.method)) this.form.method = model.recommended;
    this.drawMethods(model);
  }

  /** @param {Model} model */
  drawMethods(model) {
    const known = this.value?.methods ?? {}, method = known[this.form.method];
    const usual = this.form.method === model.recommended || !method;
    put(this.$(".p-why"), usual ? model.why : `${method.title}: ${method.how} Good for ${method.good_for}.`);
    this.$(".p-why").classList.toggle("p-negative", Boolean(method?.negative));
    this.$(".p-methods").replaceChildren(...model.methods.map((name) => this.methodOf(name, known[name], model)));
    rebuild(this.$(".p-settings"), this.form.method, () => (method?.fields ?? []).map((field) => this.fieldOf(field)));
  }

  /**
   * @param {string} name
   * @param {Method} method
   * @param {Model} model
   */
  methodOf(name, method, model) {
    const box = button("p-method", undefined, { name }), told = name === model.recommended ? "recommended" : method.status;
    attr(box, "role", "radio");
    attr(box, "aria-checked", name === this.form.method);
    box.append(make("b", "", method.title), make("small", "", told));
    box.title = method.how;
    box.addEventListener("click", () => {
      this.form.method = name;
      this.drawMethods(model);
      find(`[data-name="${name}"]`, this.element).focus();
    });
    return box;
  }

  /** Drawn again, with what is typed in its place. */
  again() {
    delete this.$(".p-settings").dataset.key;
    this.draw();
  }

  /** @param {Field} field */
  fieldOf(field) {
    const label = make("label", "p-field"), typed = (this.form.settings[this.form.method] ??= {});
    const now = typed[field.name] ?? field.value;
    const input = field.kind === "choice" ? make("select") : make("input");
    if (input instanceof HTMLSelectElement) input.append(...field.choices.map((one) => new Option(one, one)));
    input.value = now;
    label.title = field.info;
    input.addEventListener("input", () => {
      if (input.value === field.value) delete typed[field.name];
      else typed[field.name] = input.value;
    });
    label.append(make("span", "", field.label), input);
    return label;
  }
}

/**
 * And where a run ends early, and what masks are for.
 * @extends {Options<Value>}
 */
class SubjectOptions extends Options {
  masked = false; // whether the subject has masks

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host, form);
    this.stop = this.$(".p-stop", HTMLInputElement);
    this.stop.addEventListener("input", () => void (form.stop_at = this.stop.value));
    this.within = this.$(".p-inside");
    this.tick = find("input", this.within, HTMLInputElement);
    this.tick.addEventListener("change", () => this.marked(this.tick?.checked ?? false));
    this.on("input", () => this.drawWithin()); // after the field's own
    this.hear("personal-picked", (/** @type {import("./shelf.js").Card} */ card) => {
      this.masked = card.masked;
      this.drawWithin();
      this.cost.changed();
    });
    this.hear("personal-marked", () => this.marked(true));
    this.hear("personal-returned", () => this.again());
    this.draw();
  }

  /** Whether little is learned of what lies outside the masks. @param {boolean} little */
  marked(little) {
    countOutside(form.settings, this.value?.methods ?? {}, little);
    this.again();
  }

  drawWithin() {
    if (!this.within || !this.tick) return;
    const found = inside(form.settings[form.method], this.value?.methods[form.method]?.fields ?? []);
    this.within.hidden = !this.masked || found === null;
    this.tick.checked = Boolean(found);
  }

  /**
   * @override
   * @param {Model} model
   */
  drawMethods(model) {
    super.drawMethods(model);
    this.drawWithin();
  }

  /** @override */
  draw() {
    super.draw();
    if (this.stop) this.stop.value = form.stop_at;
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new SubjectOptions(host);
