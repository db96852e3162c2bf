// Which model forgets, and how: methods as cards, the recommended one first and why, what it takes, every setting folded away.
// value = choices.options() with {recent}. Tells "unlearn-model" with the model, again when "unlearn-asked"; hears
// "unlearn-worded" and "unlearn-returned"; tells "unlearn-open" with a recent run's id.
import { all, at, attr, button, make, put, rebuild } from "../kit/dom.js";
import { Estimate } from "../kit/estimate.js";
import { inList } from "../kit/keys.js";
import { around } from "../kit/numbers.js";
import { Part, tell } from "../kit/part.js";
import { asked, form } from "./form.js";

/** @typedef {{ id: string, title: string, role: string, domain: string }} Listed */
/** @typedef {Listed & { why: string, recommended: string, methods: string[] }} Model */
/** @typedef {{ name: string, label: string, kind: string, info: string, choices: string[], value: string }} Field */
/** @typedef {{ title: string, how: string, good_for: string, status: string, fields: Field[] }} Method */
/** @typedef {{ id: string, title: string, state: string, when: string }} Recent */
/** @typedef {{ models: Model[], methods: Record<string, Method>, run: Field[], base: string, wait: string }} Known */
/** @typedef {Known & { recent: Recent[] }} Value */

const YES = ["True", "False"];

/**
 * A setting: its name, its field, and its sentence.
 * @param {Field} field
 * @param {Record<string, string>} typed those that were changed, by name
 */
function fieldOf(field, typed) {
  const label = make("label", "p-field"), choices = field.kind === "yes" ? YES : field.kind === "choice" ? field.choices : null;
  const input = choices ? make("select") : make("input", `u-of-${field.name}`);
  if (input instanceof HTMLSelectElement) input.append(...(choices ?? []).map((one) => new Option(one, one)));
  input.value = typed[field.name] ?? field.value;
  attr(input, "aria-label", field.label);
  if (field.name === "name" && input instanceof HTMLInputElement) input.placeholder = "suggested";
  input.addEventListener("input", () => {
    if (input.value === field.value) delete typed[field.name];
    else typed[field.name] = input.value;
  });
  label.append(make("span", "", field.label), input, ...(field.info ? [make("small", "", field.info)] : []));
  return label;
}

/** @extends {Part<Value>} */
class Options extends Part {
  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.model = this.$(".u-model", HTMLSelectElement);
    this.model.addEventListener("change", () => this.choose(this.model.value));
    this.cost = new Estimate(this.$(".p-cost"), host.server, asked);
    this.on("input", () => { // after the field's own; the prompts follow how many are to be made
      this.told();
      this.cost.changed();
    });
    this.on("click", (event) => {
      const card = at(event, ".p-method"), run = at(event, "[data-run]");
      if (card) this.pick(card.dataset.name ?? "");
      if (run) tell("unlearn-open", { run: run.dataset.run });
    });
    this.on("keydown", (event) => this.walk(event));
    this.hear("unlearn-worded", () => this.cost.changed());
    this.hear("unlearn-asked", () => this.told());
    this.hear("unlearn-returned", () => {
      for (const box of all(".u-fields", this.element)) delete box.dataset.key; // drawn again, with what was typed for that run
      this.draw();
    });
    this.follow(() => this.draw());
  }

  get chosen() {
    return this.value?.models.find((one) => one.id === form.base);
  }

  told() {
    if (this.chosen) tell("unlearn-model", this.chosen);
  }

  draw() {
    const value = this.value;
    if (!value?.models.length) return;
    if (!this.chosen) form.base = value.base;
    rebuild(this.model, JSON.stringify(value.models.map((one) => one.id)), () =>
      value.models.map((one) => new Option(`${one.title} (${one.role})`, one.id)));
    this.$(".p-wait").hidden = !value.wait;
    put(this.$(".p-wait"), value.wait);
    rebuild(this.$(".u-run"), "run", () => value.run.map((field) => fieldOf(field, form.run)));
    this.$(".u-recent").hidden = !value.recent.length;
    rebuild(this.$(".u-recent div"), JSON.stringify(value.recent), () => value.recent.map((one) => {
      const box = button("u-past", one.title, { run: one.id });
      box.append(make("small", "", `${one.state}, ${one.when}`));
      return box;
    }));
    this.choose(form.base);
  }

  /** @param {string} id of a model */
  choose(id) {
    form.base = id;
    this.model.value = id;
    const model = this.chosen;
    if (!model) return;
    if (!model.methods.includes(form.method)) form.method = model.recommended;
    this.drawMethods(model);
    this.told();
    this.cost.changed();
  }

  /** @param {string} name of a method */
  pick(name) {
    form.method = name;
    if (this.chosen) this.drawMethods(this.chosen);
    this.cost.changed();
  }

  /** @param {Model} model */
  drawMethods(model) {
    const known = this.value?.methods ?? {};
    rebuild(this.$(".u-methods"), model.id, () => model.methods.map((name) => {
      const box = button("p-method", undefined, { name }), best = name === model.recommended;
      const { title, how, good_for, status } = known[name];
      const head = make("span", "u-head");
      head.append(make("b", "", title), ...(best ? [make("em", "", "recommended")] : []));
      attr(box, "role", "radio");
      box.append(head, make("small", "u-why", best ? model.why : `Good for ${good_for}.`));
      box.title = `${how} (${status})`;
      return box;
    }));
    for (const box of all(".p-method", this.element)) {
      const on = box.dataset.name === form.method;
      attr(box, "aria-checked", on);
      box.tabIndex = on ? 0 : -1;
    }
    const method = known[form.method], typed = (form.settings[form.method] ??= {});
    put(this.$(".u-of-method"), method?.fields.length ? `Of ${method.title}` : "");
    rebuild(this.$(".u-settings"), form.method, () => (method?.fields ?? []).map((field) => fieldOf(field, typed)));
  }

  /**
   * Arrow keys choose, as in a group of radio buttons.
   * @param {KeyboardEvent} event
   */
  walk(event) {
    const by = inList(event.key), boxes = all(".p-method", this.element);
    const index = boxes.findIndex((box) => box === document.activeElement);
    if (!by || index < 0) return;
    event.preventDefault();
    const next = boxes[around(index, by, boxes.length)];
    this.pick(next.dataset.name ?? "");
    next.focus();
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Options(host);
