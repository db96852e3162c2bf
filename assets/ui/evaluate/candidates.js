// Who is evaluated: rows of a model, an arm and adapters; the first one is what the others are compared with. value =
// choices.options(), with {came} after another tab asked. Hears "evaluate-looked" with what the server made of the form,
// "evaluate-returned" after the form is another one, and "evaluate-example"; tells "evaluate-changed".
import { left } from "../kit/drafts.js";
import { all, attr, button, find, make, put } from "../kit/dom.js";
import { Part, tell } from "../kit/part.js";
import { granted } from "../kit/wish.js";
import { another, changed, form, returnTo, rowsOf } from "./form.js";

/** @typedef {import("./form.js").Row} Row */
/** @typedef {import("./form.js").Use} Use */
/** @typedef {{ id: string, title: string, role: string, domain: string, arms: Arm[], adapters: string[] }} Model */
/** @typedef {{ arm: string, title: string }} Arm */
/** @typedef {{ models: Model[], adapters: { id: string, title: string }[], most: number, begin: Row[], example: Row[] }} Value */
/** @typedef {{ rows: { problem: string, nfe: string }[] }} Looked */

/** @extends {Part<Value>} */
class Candidates extends Part {
  filled = false;

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.$(".ev-add").addEventListener("click", () => {
      form.candidates.push(another(form.candidates, this.value?.models ?? []));
      this.again();
    });
    this.hear("evaluate-returned", () => {
      this.filled = true;
      this.draw();
    });
    this.hear("evaluate-example", () => this.example());
    this.hear("evaluate-looked", (/** @type {Looked} */ found) => this.show(found));
    this.follow(() => this.arrive());
  }

  /** What there is came, and with it, at times, what another tab asks for. */
  arrive() {
    const value = this.value;
    if (!value?.models.length) return;
    const wished = granted("evaluate", () => true), draft = this.filled ? "" : left("evaluate");
    if (wished) returnTo({ candidates: rowsOf(wished) });
    else if (draft) returnTo(JSON.parse(draft));
    if (!form.candidates.length) returnTo({ candidates: value.begin.map((row) => ({ ...row, adapters: [] })) });
    const first = !this.filled;
    this.filled = true;
    if (draft || wished) tell("evaluate-filled"); // the other half draws it too
    if (wished) this.again();
    else this.draw();
    if (first) tell("evaluate-changed");
  }

  /** A run that is small and says something: the student, its teacher, and a hybrid, on prompts of their own domain. */
  example() {
    const rows = this.value?.example ?? [];
    returnTo({ candidates: rows.map((row) => ({ ...row, adapters: [] })), source: "own", seeds: "4", judges: [],
      run: { n_prompts: "8", planted: "16" } });
    tell("evaluate-filled");
    this.again();
    const start = document.querySelector("#evaluate-start");
    const pressed = start?.matches("button") ? start : start?.querySelector("button");
    if (pressed instanceof HTMLButtonElement) pressed.click();
  }

  again() {
    this.draw();
    changed();
  }

  draw() {
    const value = this.value, most = value?.most ?? 0;
    this.$(".ev-wait").hidden = Boolean(value?.models.length);
    this.$(".ev-add").hidden = !value?.models.length || form.candidates.length >= most;
    this.$(".ev-rows").replaceChildren(...form.candidates.map((row, i) => this.row(row, i)));
  }

  /** @param {Row} row */
  modelOf(row) {
    return this.value?.models.find((one) => one.id === row.model);
  }

  /**
   * @param {Row} row
   * @param {number} i
   */
  row(row, i) {
    const box = make("div", "worn-row ev-row"), name = `candidate ${i + 1}`, model = this.modelOf(row);
    const head = make("p", "ev-tag"), drop = button("worn-drop", "×"), problem = make("p", "line problem");
    head.append(make("span", "", i ? `Candidate ${i + 1}` : "The others are compared with this"), make("i", "ev-nfe"));
    attr(drop, "aria-label", `Take off ${name}`);
    drop.title = "take it off";
    drop.addEventListener("click", () => {
      form.candidates.splice(i, 1);
      this.again();
    });
    drop.hidden = form.candidates.length < 2;
    head.append(drop);
    problem.hidden = true;
    box.append(head, this.models(row, name), ...this.arms(row, name, model));
    box.append(...row.adapters.map((use) => this.use(row, use, model)));
    const free = (model?.adapters ?? []).filter((id) => !row.adapters.some((use) => use.id === id));
    if (free.length) {
      const add = button("ev-wear", row.adapters.length ? "+ another adapter" : "+ adapter");
      add.addEventListener("click", () => {
        row.adapters.push({ id: free[0], strength: "1", on: "all" });
        this.again();
      });
      box.append(add);
    }
    box.append(problem);
    return box;
  }

  /**
   * @param {Row} row
   * @param {string} name
   */
  models(row, name) {
    const select = make("select", "ev-model"), known = this.value?.models ?? [];
    const domains = new Set(known.map((one) => one.domain));
    const options = known.map((one) =>
      new Option(`${one.title} (${domains.size > 1 ? `${one.role}, ${one.domain}` : one.role})`, one.id));
    if (!known.some((one) => one.id === row.model)) options.push(new Option(`${row.model}, not here`, row.model));
    select.append(...options);
    select.value = row.model;
    attr(select, "aria-label", `Model of ${name}`);
    select.addEventListener("change", () => {
      row.model = select.value;
      const model = this.modelOf(row);
      if (!model?.arms.some((one) => one.arm === row.arm)) row.arm = "";
      row.adapters = row.adapters.filter((use) => model?.adapters.includes(use.id));
      this.again();
    });
    return select;
  }

  /**
   * @param {Row} row
   * @param {string} name
   * @param {Model | undefined} model
   */
  arms(row, name, model) {
    const arms = model?.arms ?? [], select = make("select", "ev-arm");
    if (arms.length < 2 && !row.arm) return [];
    select.append(...arms.map((one) => new Option(one.title, one.arm)));
    if (!arms.some((one) => one.arm === row.arm)) select.append(new Option(row.arm, row.arm));
    select.value = row.arm;
    attr(select, "aria-label", `Arm of ${name}`);
    select.addEventListener("change", () => {
      row.arm = select.value;
      changed();
    });
    return [select];
  }

  /**
   * @param {Row} row
   * @param {Use} use
   * @param {Model | undefined} model
   */
  use(row, use, model) {
    const box = make("div", "ev-use"), select = make("select"), force = make("input"), drop = button("worn-drop", "×");
    const titles = new Map((this.value?.adapters ?? []).map((one) => [one.id, one.title]));
    const free = (model?.adapters ?? []).filter((id) => id === use.id || !row.adapters.some((other) => other.id === id));
    if (!free.includes(use.id)) free.push(use.id);
    select.append(...free.map((id) => new Option(titles.get(id) ?? id, id)));
    select.value = use.id;
    attr(select, "aria-label", "Adapter");
    select.addEventListener("change", () => {
      use.id = select.value;
      this.again();
    });
    Object.assign(force, { value: use.strength, inputMode: "decimal", maxLength: 8 });
    force.title = "strength: 1 as it was calibrated, negative the other way";
    attr(force, "aria-label", `Strength of ${titles.get(use.id) ?? use.id}`);
    force.addEventListener("input", () => {
      use.strength = force.value;
      changed();
    });
    attr(drop, "aria-label", `Take off ${titles.get(use.id) ?? use.id}`);
    drop.addEventListener("click", () => {
      row.adapters = row.adapters.filter((other) => other !== use);
      this.again();
    });
    box.append(select, force, drop);
    return box;
  }

  /** @param {Looked} found */
  show(found) {
    all(".ev-row", this.element).forEach((box, i) => {
      const { problem = "", nfe = "" } = found.rows[i] ?? {}, line = find(".line.problem", box);
      line.hidden = !problem;
      put(line, problem);
      put(find(".ev-nfe", box), nfe ? `${nfe} NFE` : "");
    });
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Candidates(host);
