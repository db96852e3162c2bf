// Subjects as cards to pick from: shipped ones, then one's own. value = {cards, broken}. Tells "personal-picked" with the card
// and hears "personal-kept" with a new one.
import { all, at, attr, button, make, put, rebuild } from "../kit/dom.js";
import { inList } from "../kit/keys.js";
import { around } from "../kit/numbers.js";
import { Part, tell } from "../kit/part.js";
import { form } from "./form.js";

/**
 * @typedef {object} Card
 * @property {string} id
 * @property {string} title
 * @property {string} kind
 * @property {string} noun
 * @property {string} word
 * @property {boolean} own
 * @property {string[]} thumbs addresses
 * @property {string[]} masks of the thumbs, "" for none
 * @property {boolean} masked whether any picture to learn from has one
 * @property {string} about
 */
/** @typedef {{ cards: Card[], broken: string[] }} Value */

/** @param {Card} card */
function node(card) {
  const box = button("p-card", undefined, { id: card.id });
  attr(box, "role", "radio");
  box.append(Object.assign(new Image(), { src: card.thumbs[0] ?? "", alt: "" }), make("span", "", card.title));
  return box;
}

/** @extends {Part<Value>} */
class Shelf extends Part {
  /** @type {Card[]} */
  cards = [];

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.on("click", (event) => this.pick(at(event, ".p-card")?.dataset.id ?? ""));
    this.on("keydown", (event) => this.walk(event));
    this.hear("personal-kept", (/** @type {Card} */ card) => {
      this.cards = [...this.cards.filter((one) => one.id !== card.id), card];
      this.draw();
      this.pick(card.id);
    });
    this.hear("personal-returned", () => this.draw());
    this.hear("personal-asked", () => this.draw()); // the board came later
    this.follow(() => {
      this.cards = this.value?.cards ?? [];
      if (!this.cards.some((card) => card.id === form.subject)) form.subject = this.cards[0]?.id ?? "";
      this.draw();
    });
  }

  draw() {
    const key = JSON.stringify(this.cards.map((card) => [card.id, card.thumbs[0]]));
    rebuild(this.$(".p-cards"), key, () => this.cards.map(node));
    for (const box of all(".p-card", this.element)) {
      const on = box.dataset.id === form.subject;
      attr(box, "aria-checked", on);
      box.tabIndex = on ? 0 : -1;
    }
    const chosen = this.cards.find((card) => card.id === form.subject);
    const what = chosen?.kind === "style" ? "A style" : `A ${chosen?.noun}`;
    put(this.$(".p-about"), chosen ? `${what}, called ${chosen.word} in prompts; ${chosen.about}.` : "");
    if (chosen) tell("personal-picked", chosen);
    this.$(".p-broken").replaceChildren(...(this.value?.broken ?? []).map((text) => make("p", "line notice", text)));
  }

  /** @param {string} id */
  pick(id) {
    if (!id) return;
    form.subject = id;
    const card = this.cards.find((one) => one.id === id);
    if (card?.own && card.masked) tell("personal-marked"); // whoever made masks wants them used
    this.draw();
  }

  /**
   * Arrow keys choose, as in a group of radio buttons.
   * @param {KeyboardEvent} event
   */
  walk(event) {
    const by = inList(event.key), boxes = all(".p-card", this.element);
    const index = boxes.findIndex((box) => box === document.activeElement);
    if (!by || index < 0) return;
    event.preventDefault();
    const next = boxes[around(index, by, boxes.length)];
    this.pick(next.dataset.id ?? "");
    next.focus();
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Shelf(host);
