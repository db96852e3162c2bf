// What goes, what it becomes and what stays, in words; and the pairs of prompts made from them, which can be changed. value =
// {words: by domain}. Hears "unlearn-model" with {domain}, and "unlearn-returned"; tells "unlearn-worded" when something changed.
import { all, at, attr, button, make, put, rebuild } from "../kit/dom.js";
import { plural } from "../kit/numbers.js";
import { Part, tell } from "../kit/part.js";
import { asked, form, listed, toggled } from "./form.js";

/** @typedef {"forget" | "becomes" | "keep"} Field */
/** @typedef {{ title: string, groups: import("../kit/prompt_words.js").Group[] }} Known */
/** @typedef {{ words: Record<string, Known> }} Value */
/** @typedef {{ prompts?: string, count?: number, becomes?: string, said?: string, problems: Record<string, string> }} Made */

const SOON_MS = 250;
const FIELDS = /** @type {const} */ (["forget", "becomes", "keep"]);
const TITLES = { forget: "Forget", becomes: "Becomes", keep: "Keep" };

/** @extends {Part<Value>} */
class Words extends Part {
  /** @type {Field} */
  into = "forget"; // where a pressed word goes: the field that one was in last
  domain = "";
  newest = 0; // question to the server; an older answer is not shown

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.prompts = this.$(".u-prompts", HTMLTextAreaElement);
    for (const name of FIELDS) {
      const input = this.field(name);
      input.addEventListener("focus", () => this.aim(name));
      input.addEventListener("input", () => {
        form[name] = input.value;
        this.changed();
      });
    }
    this.prompts.addEventListener("input", () => {
      form.prompts = this.prompts.value;
      this.changed();
    });
    this.$(".u-again").addEventListener("click", () => {
      form.prompts = "";
      this.changed();
    });
    this.on("click", (event) => {
      const word = at(event, ".words button");
      if (!word) return;
      form[this.into] = toggled(form[this.into], word.textContent ?? "");
      this.fill();
      this.field(this.into).dispatchEvent(new Event("filled", { bubbles: true })); // kept for a reload, as what is typed
      this.changed();
    });
    this.hear("unlearn-model", (/** @type {{ domain: string }} */ model) => {
      this.domain = model.domain;
      this.drawWords();
      this.changed();
    });
    this.hear("unlearn-returned", () => {
      this.fill();
      this.changed();
    });
    this.follow(() => this.drawWords());
    this.aim("forget");
    tell("unlearn-asked"); // which model, of a form that came first
  }

  /** @param {Field} name */
  field(name) {
    return this.$(`.u-${name}`, HTMLInputElement);
  }

  fill() {
    for (const name of FIELDS) this.field(name).value = form[name];
    this.prompts.value = form.prompts;
  }

  /** @param {Field} name */
  aim(name) {
    this.into = name;
    put(this.$(".u-into"), `A pressed word goes into ${TITLES[name]}.`);
    this.mark();
  }

  drawWords() {
    const known = this.value?.words?.[this.domain], groups = known?.groups ?? [];
    this.$(".u-known").hidden = !groups.length;
    rebuild(this.$(".words"), JSON.stringify(groups), () => groups.map((group) => {
      const line = make("div", "words-line");
      line.append(make("b", "", group.title), ...group.words.map(([, word]) => button("", word)));
      return line;
    }));
    this.mark();
  }

  mark() {
    const there = listed(form[this.into]);
    for (const word of all(".words button", this.element)) attr(word, "aria-pressed", there.includes(word.textContent ?? ""));
  }

  /** Something is another than before: the prompts follow, in a moment. */
  changed() {
    this.mark();
    tell("unlearn-worded");
    const mine = ++this.newest;
    setTimeout(async () => {
      if (mine !== this.newest) return;
      const made = await this.ask();
      if (mine === this.newest) this.show(made);
    }, SOON_MS);
  }

  /** @returns {Promise<Made>} */
  async ask() {
    try {
      return /** @type {Made} */ (await this.host.server.made(asked()));
    } catch {
      return { problems: { forget: "The server did not answer; is the studio still running?" } };
    }
  }

  /** @param {Made} made */
  show({ prompts = "", count = 0, becomes = "", said = "", problems }) {
    for (const line of all("[data-problem]", this.element)) {
      const text = problems[line.dataset.problem ?? ""] ?? "";
      line.hidden = !text;
      put(line, text);
    }
    this.field("becomes").placeholder = becomes || (form.forget ? "nothing in particular" : "another thing of its kind");
    const edited = Boolean(form.prompts.trim());
    if (!edited) this.prompts.value = prompts;
    put(this.$(".u-count"), edited ? "changed by hand" : count ? plural(count, "pair") : "");
    put(this.$(".u-said"), edited ? "The run is taught by these pairs as they stand here." : said);
    this.$(".u-again").hidden = !edited;
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Words(host);
