// What is attacked, by what, and with which control: folded away, with a sentence of what it comes to. value =
// audit_choices.options() with {recent}. Hears "unlearn-audit" with {adapter}, and "audit-returned" with the form of a run; tells
// "audit-open" with a recent run's id, and "audit-asked".
import { all, at, attr, button, make, put, rebuild } from "../kit/dom.js";
import { Part, tell } from "../kit/part.js";
import { keepDraft, left } from "../kit/drafts.js";
import { controls, expected, usual } from "./audit.js";

/** @typedef {import("./audit.js").Form} Form */
/** @typedef {import("./audit.js").Model} Model */
/** @typedef {{ name: string, label: string, info: string, value: string }} Field */
/** @typedef {{ adapters: import("./audit.js").Adapter[], models: Model[], attacks: import("./audit.js").Attack[] }} Known */
/** @typedef {{ access: Record<string, string>, numbers: Field[], recent: import("./options.js").Recent[] }} More */
/** @typedef {Known & More} Value */

const UNKNOWN = "Without one nobody knows how much of what comes back was left over: anybody might get as much.";

/** @type {Form} */
const form = { adapter: "", model: "", never_saw: null, concept: "", attacks: [], numbers: {} };

/** What Audit sends, as JSON text in the place of its input. */
export const readForm = () => JSON.stringify({ ...form, never_saw: form.never_saw ?? "" });

/** @param {Model} model */
const option = (model) => new Option(`${model.title} (${model.role})`, model.id);

/** @extends {Part<Value>} */
class AuditForm extends Part {
  began = false;
  restored = false; // what was left in the form stands in it, not the form of the run that the address names

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    const here = new URLSearchParams(location.search), draft = left("audit", here.has("run"));
    if (draft) Object.assign(form, JSON.parse(draft));
    this.began = Boolean(draft);
    this.restored = this.began && here.has("audit");
    const fields = { adapter: ".a-adapter", model: ".a-model", never_saw: ".a-never", concept: ".a-concept" };
    this.select = Object.fromEntries(Object.entries(fields).map(([name, place]) => [name, this.$(place, HTMLSelectElement)]));
    for (const [name, select] of Object.entries(this.select)) {
      select.addEventListener("change", () => {
        Object.assign(form, { [name]: select.value });
        this.draw();
        this.keep();
      });
    }
    this.on("input", (event) => this.typed(event));
    this.on("click", (event) => {
      const run = at(event, "[data-run]");
      if (run) tell("audit-open", { run: run.dataset.run });
      if (at(event, ".a-all")) this.pickAll();
    });
    this.hear("unlearn-audit", (/** @type {{ adapter: string }} */ asked) => {
      Object.assign(form, { adapter: asked.adapter, model: "", concept: "", never_saw: null });
      this.draw();
      this.keep();
      const start = document.querySelector("#unlearn-audit-start");
      if (start instanceof HTMLElement) start.focus();
      this.$(".p-more").setAttribute("open", "");
      document.querySelector("#unlearn-audit")?.scrollIntoView({ block: "nearest" });
    });
    this.hear("audit-returned", (/** @type {Form} */ given) => {
      if (!this.restored) Object.assign(form, given);
      this.restored = false;
      this.began = true;
      this.draw();
    });
    this.follow(() => this.draw());
    tell("audit-asked"); // of a run that came first
  }

  get adapter() {
    return this.value?.adapters.find((one) => one.id === form.adapter);
  }

  /** @param {Event} event */
  typed(event) {
    const field = event.target;
    if (!(field instanceof HTMLInputElement)) return;
    if (field.type !== "checkbox") form.numbers[field.name] = field.value;
    else form.attacks = (this.value?.attacks ?? []).map((one) => one.name).filter((name) =>
      name === field.name ? field.checked : form.attacks.includes(name));
    this.drawSums();
    this.keep();
  }

  /** For a reload. */
  keep() {
    keepDraft("audit", JSON.stringify(form));
  }

  /** All attacks, or none where all are chosen. */
  pickAll() {
    const every = (this.value?.attacks ?? []).map((one) => one.name);
    form.attacks = form.attacks.length === every.length ? [] : every;
    this.drawSums();
    this.keep();
  }

  draw() {
    const value = this.value;
    this.$(".a-form").dataset.ready = String(Boolean(value?.adapters.length));
    if (!value?.adapters.length) return;
    if (!this.began) form.attacks = value.attacks.map((one) => one.name);
    this.began = true;
    if (!this.adapter) Object.assign(form, { adapter: value.adapters[0].id, model: "", concept: "", never_saw: null });
    this.drawChoices(value);
    rebuild(this.$(".a-numbers"), "numbers", () => value.numbers.map((field) => {
      const box = make("label", "p-field"), input = Object.assign(make("input", `a-${field.name}`), { name: field.name });
      input.value = form.numbers[field.name] ??= field.value;
      attr(input, "aria-label", field.label);
      box.append(make("span", "", field.label), input, make("small", "", field.info));
      return box;
    }));
    for (const input of all(".a-numbers input", this.element))
      if (input instanceof HTMLInputElement && document.activeElement !== input) input.value = form.numbers[input.name] ?? "";
    rebuild(this.$(".a-attacks"), JSON.stringify(value.attacks), () => Object.entries(value.access).map(([access, words]) => {
      const group = make("div");
      group.append(make("p", "a-access", words), ...value.attacks.filter((one) => one.access === access).map(chip));
      return group;
    }));
    this.$(".u-recent").hidden = !value.recent.length;
    rebuild(this.$(".u-recent div"), JSON.stringify(value.recent), () => value.recent.map((one) => {
      const box = button("u-past", one.title, { run: one.id });
      box.append(make("small", "", `${one.state}, ${one.when}`));
      return box;
    }));
    this.drawSums();
  }

  /** @param {Value} value */
  drawChoices({ adapters, models }) {
    const { adapter } = this;
    if (!adapter) return;
    const { select } = this, fit = models.filter((one) => adapter.models.includes(one.id));
    rebuild(select.adapter, JSON.stringify(adapters), () => adapters.map((one) => new Option(one.id, one.id)));
    rebuild(select.model, JSON.stringify(fit), () => fit.map(option));
    if (!fit.some((one) => one.id === form.model)) form.model = fit.find((one) => one.id === adapter.base)?.id ?? fit[0].id;
    if (!adapter.concepts.some((one) => one.words === form.concept)) form.concept = adapter.concepts[0].words;
    const named = adapter.concepts.map((one) => one.words);
    rebuild(select.concept, JSON.stringify(named), () => named.map((words) => new Option(words, words)));
    this.$(".a-what").hidden = adapter.concepts.length < 2;
    const said = adapter.concepts.find((one) => one.words === form.concept)?.said ?? [];
    const found = controls(models, form.model, said), own = models.find((one) => one.id === form.model);
    rebuild(select.never_saw, JSON.stringify([found, form.concept]), () => [
      new Option("none is named", ""), ...[
        [`Its card says that it never saw ${form.concept}`, found.said], ["Others; their cards do not say so", found.others],
      ].flatMap(([label, listed]) => {
        const group = Object.assign(make("optgroup"), { label });
        group.append(.../** @type {Model[]} */ (listed).map(option));
        return listed.length ? [group] : [];
      })]);
    const offered = ["", ...found.said.map((one) => one.id), ...found.others.map((one) => one.id)];
    if (form.never_saw !== null && !offered.includes(form.never_saw)) form.never_saw = null;
    const shown = { ...form, never_saw: form.never_saw ??= usual(found.said, own?.role) };
    for (const [name, box] of Object.entries(select)) box.value = String(shown[/** @type {keyof Form} */ (name)]);
  }

  /** What follows from the fields. */
  drawSums() {
    const every = this.value?.attacks ?? [], chosen = every.filter((one) => form.attacks.includes(one.name));
    for (const tick of all(".a-attacks input", this.element))
      if (tick instanceof HTMLInputElement) tick.checked = form.attacks.includes(tick.name);
    put(this.$(".a-all"), chosen.length === every.length ? "None" : "All");
    put(this.$(".a-unknown"), form.never_saw ? "It shows what anybody would get of the concept by the same attack." : UNKNOWN);
    const told = expected(chosen, every.length, form.never_saw ? 3 : 2, form.numbers.pictures ?? "");
    put(this.$(".a-cost"), `${form.adapter} is attacked beside the model without it. ${told}`);
  }
}

/** @param {import("./audit.js").Attack} one */
function chip(one) {
  const box = make("label", "a-chip"), tick = Object.assign(make("input"), { type: "checkbox", name: one.name });
  const words = make("span", "", one.title);
  if (one.clause.toLowerCase() !== one.title.toLowerCase()) words.append(" ", make("small", "", one.clause));
  box.append(tick, words);
  box.title = one.about;
  return box;
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new AuditForm(host);
