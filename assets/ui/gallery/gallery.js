// The Gallery: what is looked for, the cards, the bar that takes a deletion back, the trash, and two runs side by side.
import { all, at, find, put, typing } from "../kit/dom.js";
import { inGrid, withModifier } from "../kit/keys.js";
import { Part } from "../kit/part.js";
import { counted, narrows, next } from "./asked.js";
import { drawn, heldIn, titleOf } from "./cards.js";
import { Notes } from "./notes.js";
import { Pair } from "./pair.js";
import { Search } from "./search.js";
import { Trash } from "./trash.js";

/** @typedef {import("./cards.js").Card} Card */
/**
 * @typedef {object} Found
 * @property {number} total
 * @property {Card[]} cards
 * @property {import("./search.js").Counts} [counts]
 * @property {number} [trash] runs that lie there
 * @property {number} [days] that they lie there
 * @property {string} [locked] why nothing can be changed
 * @property {string} [problem]
 */

const PAGE = 60, MOST = 600, LIVE_MS = 4000;

/** @extends {Part<{ at: number }>} */
class Gallery extends Part {
  /** @type {Card[]} */
  cards = [];
  total = 0;
  locked = false;
  asking = false; // for the next page
  turn = 0; // of questions: an answer to an earlier one is passed over
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  later; // timer of the next question

  /** @param {import("../kit/part.js").Host<{ at: number }>} host */
  constructor(host) {
    super(host);
    this.grid = this.$(".g-grid");
    this.search = new Search(this.$(".g-bar"), (ms) => {
      this.cards = this.cards.slice(0, PAGE);
      this.ask(ms);
    });
    /** @type {import("./trash.js").Call} */
    const call = (what, asked) => this.call(what, asked);
    this.pair = new Pair(this.$(".g-chosen"), this.$(".g-beside"), call, (run) => {
      const card = this.cardOf(run);
      return card ? titleOf(card) : "a run that is not shown";
    });
    this.notes = new Notes(this.grid, host.server.note, (card, changed) => this.noted(card, changed));
    this.trash = new Trash(this.$(".g-undo"), this.$(".g-trash", HTMLDetailsElement), call, (run) => this.returned(run));
    this.on("input", (event) => this.search.typed(event));
    this.on("click", (event) => this.pressed(event));
    this.on("keydown", (event) => this.key(event));
    this.onPage("keydown", (event) => {
      if (event.key !== "/" || typing(event) || withModifier(event) || !this.isShown) return;
      event.preventDefault();
      this.search.words.focus();
    });
    new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.more()).observe(this.$(".g-end"));
    this.follow(() => this.ask(30));
  }

  get isShown() {
    return this.element.offsetParent !== null;
  }

  /** @param {number} ms */
  ask(ms) {
    clearTimeout(this.later);
    this.later = setTimeout(() => this.look(), ms);
  }

  /** The list anew, as long as it is now. */
  async look() {
    const turn = ++this.turn, limit = Math.min(MOST, Math.max(PAGE, this.cards.length));
    const found = /** @type {Found | null} */ (await this.call("find", { ...this.search.asked, limit }));
    if (turn !== this.turn || !found) return;
    const { counts } = found;
    this.locked = Boolean(found.locked);
    if (counts) this.search.offer(counts);
    this.cards = found.cards;
    this.total = found.total;
    this.draw(counts ? counts.kinds.reduce((sum, [, n]) => sum + n, 0) : 0);
    this.trash.say(found.trash ?? 0, found.days ?? 0);
    if (this.isShown && this.cards.some((card) => !card.ended)) this.ask(LIVE_MS);
  }

  /** The next page. */
  async more() {
    if (!this.cards.length || this.cards.length >= this.total || this.asking) return;
    this.asking = true;
    const turn = this.turn, wish = { ...this.search.asked, offset: this.cards.length, limit: PAGE };
    const found = /** @type {Found | null} */ (await this.call("find", wish));
    this.asking = false;
    if (turn !== this.turn || !found) return;
    const known = new Set(this.cards.map((card) => card.id)), added = found.cards.filter((card) => !known.has(card.id));
    this.cards.push(...added);
    this.grid.append(...added.map((card) => this.drawn(card)));
    this.sayMore();
  }

  /**
   * What the server answers; null where it says what is wrong, which is said.
   * @param {string} what
   * @param {object} asked
   * @returns {Promise<any>}
   */
  async call(what, asked) {
    try {
      const found = /** @type {{ problem?: string }} */ (await this.host.server[what](asked));
      if (!found.problem) return found;
      this.say(found.problem);
    } catch {
      this.say("The list could not be read; is the studio still running?");
    }
    return null;
  }

  /** @param {string} text */
  say(text) {
    put(this.$(".g-said span"), text);
  }

  /** @param {number} every */
  draw(every) {
    const held = heldIn(this.grid), editing = this.grid.querySelector(".g-form");
    this.say(counted(this.total, narrows(this.search.asked), every));
    this.$(".g-clear").hidden = !narrows(this.search.asked);
    this.sayMore();
    this.pair.say();
    if (editing) return; // somebody types
    this.grid.replaceChildren(...this.cards.map((card) => this.drawn(card)));
    if (held) this.focus(this.cards.findIndex((card) => card.id === held.run), held.part);
  }

  /** @param {Card} card */
  drawn(card) {
    return drawn(card, { chosen: this.pair.runs.includes(card.id), locked: this.locked });
  }

  /** @param {Card} card */
  redraw(card) {
    const held = heldIn(this.grid);
    this.nodeOf(card.id)?.replaceWith(this.drawn(card));
    if (held?.run === card.id) this.focus(this.cards.indexOf(card), held.part);
  }

  sayMore() {
    const more = this.$(".g-more"), left = this.total - this.cards.length;
    more.hidden = left <= 0;
    put(more, `Show more (${left.toLocaleString("en")})`);
  }

  // -- what somebody does ----------------------------------------------------------------------------------------------

  /** @param {MouseEvent} event */
  pressed(event) {
    const tag = at(event, ".g-tag"), card = this.cardOf(at(event, ".g-card")?.dataset.run ?? "");
    if (at(event, ".g-favourites")) return this.search.set({ favourites: this.search.asked.favourites ? "" : "yes" });
    if (at(event, ".g-clear")) return this.search.clear();
    if (at(event, ".g-more")) return void this.more();
    if (at(event, ".g-undo .tool")) return void this.trash.restore();
    if (at(event, ".g-hold")) return void this.pair.show();
    if (at(event, ".g-drop")) return this.choose("");
    if (at(event, ".g-empty")) return void this.trash.list(true);
    const back = at(event, ".g-back");
    if (back) return void this.trash.restore(String(back.dataset.run));
    if (!card) return;
    if (tag) {
      this.search.set({ tag: String(tag.dataset.tag) });
      return this.search.fill();
    }
    this.does(event, card);
  }

  /**
   * @param {Event} event
   * @param {Card} card
   */
  does(event, card) {
    if (at(event, ".g-open")) this.trigger("open", { run: card.id });
    else if (at(event, ".g-star")) this.star(card);
    else if (at(event, ".g-choose")) this.choose(card.id);
    else if (at(event, ".g-edit")) this.notes.edit(card, this.nodeOf(card.id));
    else if (at(event, ".g-delete")) this.remove(card);
    else if (at(event, ".g-save")) this.notes.save(card);
    else if (at(event, ".g-leave")) this.notes.leave(card);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const node = at(event, ".g-card"), card = this.cardOf(node?.dataset.run ?? "");
    const { words } = this.search;
    if (event.key === "Escape" && words === event.target && words.value) return this.search.clear();
    if (event.key === "ArrowDown" && words === event.target) return this.focus(0);
    if (!card || withModifier(event)) return;
    if (typing(event)) {
      if (event.key === "Enter") this.notes.save(card);
      else if (event.key === "Escape") this.notes.leave(card);
      else return;
      return event.preventDefault();
    }
    const step = inGrid(event.key), press = {
      f: () => this.star(card), c: () => this.choose(card.id), b: () => this.pair.show(), Delete: () => this.remove(card),
      e: () => this.notes.edit(card, this.nodeOf(card.id)),
    };
    const columns = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
    if (step) this.focus(next(this.cards.indexOf(card), step, columns, this.cards.length));
    else if (event.key in press) press[/** @type {keyof press} */ (event.key)]();
    else return;
    event.preventDefault();
  }

  /** @param {number} i */
  focus(i, part = "g-open") {
    const card = this.cards[i], node = card && this.nodeOf(card.id);
    if (node) find(node.querySelector(`.${part}`) ? `.${part}` : ".g-open", node).focus();
  }

  /** @param {string} run */
  nodeOf = (run) => all(".g-card", this.grid).find((node) => node.dataset.run === run);

  /** @param {string} run */
  cardOf = (run) => this.cards.find((card) => card.id === run);

  // -- notes ----------------------------------------------------------------------------------------------------------

  /** @param {Card} card */
  async star(card) {
    const notes = await this.call("note", { run: card.id, favourite: !card.favourite });
    if (notes) this.redraw(Object.assign(card, notes));
  }

  /**
   * @param {Card} card
   * @param {boolean} changed
   */
  noted(card, changed) {
    this.focus(this.cards.indexOf(card));
    if (!changed) return;
    this.redraw(card);
    this.ask(0); // its tags can be chosen now
  }

  // -- the trash --------------------------------------------------------------------------------------------------------

  /** @param {Card} card */
  async remove(card) {
    const i = this.cards.indexOf(card), gone = await this.call("remove", { run: card.id });
    if (!gone) return;
    this.nodeOf(card.id)?.remove();
    this.cards = this.cards.filter((one) => one !== card);
    if (this.pair.runs.includes(card.id)) this.pair.choose(card.id);
    this.trash.offer(card.id, `${titleOf(card)} is in the trash, and removed after ${gone.days} days.`);
    this.focus(Math.min(i, this.cards.length - 1));
    this.ask(0);
  }

  /** @param {string} run from the trash; "" after it was emptied */
  async returned(run) {
    await this.look();
    if (run) this.focus(this.cards.findIndex((card) => card.id === run));
  }

  /** @param {string} run "" chooses none */
  choose(run) {
    for (const one of this.pair.choose(run)) {
      const card = this.cardOf(one);
      if (card) this.redraw(card);
    }
  }
}

/** @param {import("../kit/part.js").Host<{ at: number }>} host */
export const mount = (host) => void new Gallery(host);
