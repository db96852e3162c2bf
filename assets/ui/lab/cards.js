// The studies as cards to choose from. value = {cards}. Triggers "pick" with {name}.
// The last card leads to the sliders of the exact laboratory, further down this page; no server is asked for that.
import { all, at, attr, button, find, make } from "../kit/dom.js";
import { inList } from "../kit/keys.js";
import { around } from "../kit/numbers.js";
import { Part } from "../kit/part.js";

/** @typedef {{ name: string, title: string, question: string, how: string, statements: string[], chosen: boolean }} Card */
/** @typedef {{ cards: Card[] }} Value */

const MIXTURE = "mixture";

/** @param {Card} card */
function node(card) {
  const box = button("lab-card", undefined, { name: card.name }), tested = make("span", "lab-tests");
  if (card.name !== MIXTURE) attr(box, "role", "radio");
  tested.append(...card.statements.map((statement) => {
    const tag = make("i", "", statement);
    tag.title = `tests statement ${statement} of the paper`;
    return tag;
  }));
  box.append(make("b", "", card.title), make("span", "lab-ask", card.question), tested);
  box.title = card.how;
  return box;
}

function openMixture() {
  const box = find("#mixture .mix", document, HTMLDetailsElement);
  box.open = true;
  box.scrollIntoView({ behavior: "smooth", block: "start" });
  find("summary", box).focus({ preventScroll: true });
}

/** @extends {Part<Value>} */
class Cards extends Part {
  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.grid = this.$(".lab-grid");
    this.on("click", (event) => {
      const name = at(event, ".lab-card")?.dataset.name;
      if (name === MIXTURE) openMixture();
      else if (name) this.trigger("pick", { name });
    });
    this.on("keydown", (event) => this.walk(event));
    this.follow(() => this.draw());
  }

  draw() {
    const cards = this.value?.cards ?? [], names = cards.map((card) => card.name).join();
    if (this.grid.dataset.names !== names) {
      this.grid.dataset.names = names;
      this.grid.replaceChildren(...cards.map(node));
    }
    const nodes = all(".lab-card", this.grid);
    cards.forEach((card, i) => {
      nodes[i].classList.toggle("on", card.chosen);
      if (card.name === MIXTURE) return;
      attr(nodes[i], "aria-checked", card.chosen);
      nodes[i].tabIndex = card.chosen || (i === 0 && !cards.some((one) => one.chosen)) ? 0 : -1;
    });
  }

  /**
   * Arrow keys choose, as in a group of radio buttons.
   * @param {KeyboardEvent} event
   */
  walk(event) {
    const by = inList(event.key), cards = all("[role=radio]", this.grid);
    const index = cards.findIndex((card) => card === document.activeElement);
    if (!by || index < 0) return;
    event.preventDefault();
    const next = cards[around(index, by, cards.length)];
    next.tabIndex = 0;
    next.focus();
    this.trigger("pick", { name: next.dataset.name });
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Cards(host);
