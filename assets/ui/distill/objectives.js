// The objectives to choose from, by family, with a search. Triggers "pick" with {name}.
import { all, at, attr, button, find, make, put, rebuild } from "../kit/dom.js";
import { inList } from "../kit/keys.js";
import { around } from "../kit/numbers.js";
import { Part } from "../kit/part.js";
import { fits, text } from "./search.js";

/** @typedef {import("./search.js").Objective} Objective */
/** @typedef {{ title: string, note: string, items: Objective[] }} Family */
/** @typedef {{ families: Family[], chosen: string, wait?: string }} Value */

/** @param {Objective} item */
function card(item) {
  const box = make("div", "o-card"), pick = button("o-pick"), foot = make("small", "o-foot", item.status);
  box.dataset.name = item.name;
  box.dataset.text = text(item);
  attr(pick, "role", "radio");
  const good = make("span", "o-good", `Good for ${item.good_for}.`);
  pick.append(make("b", "", item.title), make("span", "o-how", item.how), good);
  for (const [words, href] of item.papers)
    foot.append(" · ", Object.assign(make("a", "", words), { href, target: "_blank", rel: "noreferrer" }));
  box.append(pick, foot);
  return box;
}

/** @param {Family} family */
function section(family) {
  const box = make("section", "o-family"), head = make("header"), cards = make("div", "o-cards");
  head.append(make("h3", "", family.title), make("p", "", family.note));
  cards.append(...family.items.map(card));
  box.append(head, cards);
  return box;
}

/** @extends {Part<Value>} */
class Objectives extends Part {
  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.on("input", (event) => at(event, ".o-search") && this.search());
    this.on("click", (event) => {
      const name = at(event, ".o-pick")?.closest("div")?.dataset.name;
      if (name) this.trigger("pick", { name });
    });
    this.on("keydown", (event) => {
      const by = inList(event.key), here = at(event, ".o-pick");
      if (!here || !by) return;
      event.preventDefault();
      const picks = all(".o-card:not([hidden]) .o-pick", this.element);
      picks[around(picks.indexOf(here), by, picks.length)].focus();
    });
    this.follow(() => this.draw());
  }

  search() {
    const typed = this.$(".o-search", HTMLInputElement).value;
    let found = 0;
    for (const family of all(".o-family", this.element)) {
      const cards = all(".o-card", family);
      for (const box of cards) box.hidden = !fits(box.dataset.text ?? "", typed);
      const here = cards.filter((box) => !box.hidden).length;
      family.hidden = !here;
      found += here;
    }
    this.$(".o-none").hidden = found > 0 || !this.value?.families.length;
  }

  draw() {
    const value = this.value;
    if (!value) return;
    this.$(".o-wait").hidden = !value.wait;
    put(this.$(".o-wait"), value.wait ?? "");
    if (rebuild(this.$(".o-list"), JSON.stringify(value.families), () => value.families.map(section))) this.search();
    for (const box of all(".o-card", this.element)) {
      const on = box.dataset.name === value.chosen, pick = find(".o-pick", box);
      box.classList.toggle("on", on);
      attr(pick, "aria-checked", on);
      pick.tabIndex = on || !value.chosen ? 0 : -1;
    }
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Objectives(host);
