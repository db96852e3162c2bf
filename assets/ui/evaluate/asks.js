// On what and by whom: prompts with the questions they become, seeds, the judge, what it costs. value = choices.options() with
// {recent}. Hears "evaluate-changed", "evaluate-filled" and "evaluate-returned"; tells "evaluate-looked" with the server's answer
// and "evaluate-open" with a recent run's id.
import { all, at, attr, button, make, put, rebuild } from "../kit/dom.js";
import { inList } from "../kit/keys.js";
import { plural } from "../kit/numbers.js";
import { Part, tell } from "../kit/part.js";
import { changed, form, textOf } from "./form.js";

/** @typedef {{ name: string, label: string, info: string, value: string }} Field */
/** @typedef {{ id: string, title: string, state: string, when: string }} Recent */
/** @typedef {{ run: Field[], recent: Recent[], models: object[] }} Value */
/** @typedef {{ text: string, read_as: string, notice: string, asks: { kind: string, question: string }[] }} Prompt */
/**
 * @typedef {object} Looked
 * @property {{ problem: string, nfe: string }[]} rows
 * @property {Record<string, string>} problems
 * @property {Prompt[]} [prompts]
 * @property {number} [count] of prompts, of which some are listed
 * @property {number} [questions]
 * @property {string} [cost]
 * @property {string} [why] what each candidate costs
 * @property {string} [judge]
 * @property {{ name: string, title: string, why: string }[]} [judges]
 */

const SOON_MS = 250;
const APART = ["n_prompts", "planted"]; // fields of the run with places of their own

/** @extends {Part<Value>} */
class Asks extends Part {
  newest = 0; // question to the server; an older answer is not shown

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.prompts = this.$(".ev-prompts", HTMLTextAreaElement);
    this.seeds = this.$(".ev-seeds", HTMLInputElement);
    this.judge = this.$(".ev-judge", HTMLSelectElement);
    this.prompts.addEventListener("input", () => this.typed({ prompts: this.prompts.value }));
    this.seeds.addEventListener("input", () => this.typed({ seeds: this.seeds.value }));
    this.judge.addEventListener("change", () => this.typed({ judges: this.judge.value ? [this.judge.value] : [] }));
    for (const name of APART) this.field(name).addEventListener("input", () => this.ran(name, this.field(name).value));
    this.on("click", (event) => {
      const source = at(event, "[data-source]"), run = at(event, "[data-run]");
      if (source) this.choose(source.dataset.source ?? "own");
      if (run) tell("evaluate-open", { run: run.dataset.run });
    });
    this.on("keydown", (event) => {
      const source = at(event, "[data-source]");
      if (!source || !inList(event.key)) return;
      event.preventDefault();
      this.choose(form.source === "own" ? "typed" : "own");
      this.$("[data-source][aria-checked=true]").focus();
    });
    this.bring();
    this.hear("evaluate-changed", () => this.look());
    this.hear("evaluate-filled", () => this.fill());
    this.hear("evaluate-returned", () => {
      this.fill();
      this.look();
    });
    this.follow(() => this.draw());
  }

  /** A text file, chosen or dropped, becomes what is typed. */
  bring() {
    const input = this.$(".ev-file input", HTMLInputElement);
    /** @param {File | undefined} file */
    const take = async (file) => {
      if (!file) return;
      const found = textOf(file.name.slice(0, 60), await file.slice(0, 400_001).arrayBuffer());
      if ("problem" in found) return this.say("prompts", found.problem);
      this.prompts.value = found.text;
      this.typed({ prompts: found.text });
    };
    input.addEventListener("change", () => {
      void take(input.files?.[0]);
      input.value = "";
    });
    this.on("drop", (event) => {
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      this.choose("typed");
      void take(event.dataTransfer.files[0]);
    });
  }

  /** @param {string} name */
  field(name) {
    return this.$(`.ev-${name}`, HTMLInputElement);
  }

  /** @param {Partial<import("./form.js").Form>} given */
  typed(given) {
    Object.assign(form, given);
    changed();
  }

  /**
   * @param {string} name of a field of the run
   * @param {string} text
   */
  ran(name, text) {
    if (text === this.usual(name)) delete form.run[name];
    else form.run[name] = text;
    changed();
  }

  /** @param {string} name */
  usual(name) {
    return this.value?.run.find((one) => one.name === name)?.value ?? "";
  }

  /** @param {string} source */
  choose(source) {
    this.typed({ source });
    this.showSource();
    if (source === "typed") this.prompts.focus();
  }

  showSource() {
    const own = form.source !== "typed";
    for (const one of all("[data-source]", this.element)) {
      const on = (one.dataset.source === "own") === own;
      attr(one, "aria-checked", on);
      one.tabIndex = on ? 0 : -1;
    }
    this.$(".ev-made").hidden = !own;
    this.$(".ev-typed").hidden = own;
  }

  draw() {
    const value = this.value;
    if (!value?.models.length) return;
    this.$(".ev-recent").hidden = !value.recent.length;
    rebuild(this.$(".ev-recent div"), JSON.stringify(value.recent), () => value.recent.map((one) => {
      const box = button("u-past", one.title, { run: one.id });
      box.append(make("small", "", `${one.state}, ${one.when}`));
      return box;
    }));
    this.fill();
    this.look();
  }

  /** Fields hold what the form does; none that somebody is typing into. */
  fill() {
    this.showSource();
    const set = (/** @type {HTMLInputElement | HTMLTextAreaElement} */ field, /** @type {string} */ text) => {
      if (field !== document.activeElement && field.value !== text) field.value = text;
    };
    set(this.prompts, form.prompts);
    set(this.seeds, form.seeds);
    for (const name of APART) set(this.field(name), form.run[name] ?? this.usual(name));
    const rest = (this.value?.run ?? []).filter((one) => !APART.includes(one.name));
    this.$(".ev-fields").replaceChildren(...rest.flatMap((one) => this.setting(one)));
  }

  /** @param {Field} one */
  setting(one) {
    const label = make("label", "p-field"), input = make("input", `ev-${one.name}`), problem = make("p", "line problem");
    Object.assign(input, { value: form.run[one.name] ?? one.value, autocomplete: "off" });
    attr(input, "aria-label", one.label);
    input.addEventListener("input", () => this.ran(one.name, input.value));
    label.append(make("span", "", one.label), input, make("small", "", one.info));
    problem.dataset.problem = one.name;
    problem.hidden = true;
    return [label, problem];
  }

  /** What the server makes of the form, in a moment. */
  look() {
    const mine = ++this.newest;
    setTimeout(async () => {
      if (mine !== this.newest || !this.value?.models.length) return;
      const found = await this.ask();
      if (mine !== this.newest) return;
      this.show(found);
      tell("evaluate-looked", found);
    }, SOON_MS);
  }

  /** @returns {Promise<Looked>} */
  async ask() {
    try {
      return /** @type {Looked} */ (await this.host.server.looked(form));
    } catch {
      return { rows: [], problems: { prompts: "The server did not answer; is the studio still running?" } };
    }
  }

  /**
   * @param {string} field
   * @param {string} text
   */
  say(field, text) {
    const line = this.$(`[data-problem="${field}"]`);
    line.hidden = !text;
    put(line, text);
  }

  /** @param {Looked} found */
  show({ problems, prompts = [], count = 0, questions = 0, judge = "", judges = [] }) {
    for (const { dataset: { problem = "" } } of all("[data-problem]", this.element)) this.say(problem, problems[problem] ?? "");
    put(this.$(".ev-count"), count ? `${plural(questions, "question")} on ${plural(count, "prompt")}` : "");
    put(this.$(".ev-who"), judge);
    rebuild(this.$(".ev-questions"), JSON.stringify([prompts, count]), () => questionNodes(prompts, count));
    rebuild(this.judge, JSON.stringify(judges), () => [new Option("The best there is here", ""), ...judges.map((one) =>
      Object.assign(new Option(one.why ? `${one.title}: ${one.why}` : one.title, one.name), { disabled: Boolean(one.why) }))]);
    this.judge.value = form.judges[0] ?? "";
  }
}

/**
 * @param {Prompt[]} prompts
 * @param {number} count
 */
function questionNodes(prompts, count) {
  const empty = "Questions appear here as prompts are typed; a change of the prompt changes them.";
  if (!prompts.length) return [make("p", "line hint", empty)];
  const nodes = prompts.map((one) => {
    const box = make("div", "ev-prompt"), list = make("ul");
    list.append(...one.asks.map((ask) => Object.assign(make("li", "", ask.question), { title: ask.kind })));
    box.append(make("b", "", one.text), list);
    if (one.notice) box.append(make("p", "line notice", one.notice));
    return box;
  });
  if (count > prompts.length) nodes.push(make("div", "", `and ${plural(count - prompts.length, "prompt")} more`));
  return nodes;
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Asks(host);
