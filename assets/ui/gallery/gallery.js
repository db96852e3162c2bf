// The Gallery: what is looked for, the cards, the bar that takes a deletion back, the trash, and two runs side by side.
import { all, at, attr, button, find, make, put, typing } from "../kit/dom.js";
import { Drawer } from "../kit/drawer.js";
import { inGrid, withModifier } from "../kit/keys.js";
import { Part } from "../kit/part.js";
import { choose, counted, narrows, next, nothing, ofQuery, tagsOf, toAddress } from "./asked.js";
import { drawn as drawnTwo } from "./beside.js";
import { drawn, form, titleOf } from "./cards.js";

/** @typedef {import("./cards.js").Card} Card */
/** @typedef {[string, number, string?]} Count */
/** @typedef {{ kinds: Count[], states: Count[], models: Count[], tags: Count[] }} Counts */
/** @typedef {{ total: number, cards: Card[], counts?: Counts, trash?: number, locked?: string, days?: number, problem?: string }} Found */
/** @typedef {{ id: string, title: string, kind_title: string, left: string }} Thrown */

const PAGE = 60, MOST = 600, TYPING_MS = 180, LIVE_MS = 4000, UNDO_MS = 20_000;
/** @type {[name: keyof import("./asked.js").Asked, counts: keyof Counts, all: string][]} */
const CHOICES = [["kind", "kinds", "All kinds"], ["with", "models", "All models"], ["state", "states", "All states"], ["tag", "tags", "All tags"]];

/** @extends {Part<{ at: number }>} */
class Gallery extends Part {
  asked = ofQuery(location.search);
  /** @type {Card[]} */
  cards = [];
  total = 0;
  locked = false;
  /** @type {string[]} */
  chosen = [];
  asking = false; // for the next page
  turn = 0; // of questions: an answer to an earlier one is passed over
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  later; // timer of the next question
  /** @type {{ run: string, timer?: ReturnType<typeof setTimeout> }} */
  undo = { run: "" };

  /** @param {import("../kit/part.js").Host<{ at: number }>} host */
  constructor(host) {
    super(host);
    this.grid = this.$(".g-grid");
    this.words = this.$(".g-find", HTMLInputElement);
    this.drawer = new Drawer(this.$(".g-beside"), ".g-find");
    this.fill();
    this.on("input", (event) => this.typed(event));
    this.on("click", (event) => this.pressed(event));
    this.on("keydown", (event) => this.key(event));
    this.onPage("keydown", (event) => {
      if (event.key !== "/" || typing(event) || withModifier(event) || !this.isShown) return;
      event.preventDefault();
      this.words.focus();
    });
    this.$(".g-trash", HTMLDetailsElement).addEventListener("toggle", () => this.listTrash());
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
    const found = /** @type {Found | null} */ (await this.call("find", { ...this.asked, limit }));
    if (turn !== this.turn || !found) return;
    const { counts } = found;
    this.locked = Boolean(found.locked);
    if (counts) this.offer(counts);
    this.cards = found.cards;
    this.total = found.total;
    this.draw(counts ? counts.kinds.reduce((sum, [, n]) => sum + n, 0) : 0);
    this.sayTrash(found.trash ?? 0, found.days ?? 0);
    if (this.isShown && this.cards.some((card) => !card.ended)) this.ask(LIVE_MS);
  }

  /** The next page. */
  async more() {
    if (!this.cards.length || this.cards.length >= this.total || this.asking) return;
    this.asking = true;
    const turn = this.turn, wish = { ...this.asked, offset: this.cards.length, limit: PAGE };
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
    const active = document.activeElement, editing = this.grid.querySelector(".g-form");
    const focus = all(".g-card", this.grid).find((node) => node.contains(active))?.dataset.run;
    this.say(counted(this.total, narrows(this.asked), every));
    this.$(".g-clear").hidden = !narrows(this.asked);
    this.sayMore();
    this.sayChosen();
    if (editing) return; // somebody types
    this.grid.replaceChildren(...this.cards.map((card) => this.drawn(card)));
    if (focus) this.focus(this.cards.findIndex((card) => card.id === focus));
  }

  /** @param {Card} card */
  drawn(card) {
    return drawn(card, { chosen: this.chosen.includes(card.id), locked: this.locked });
  }

  /** @param {Card} card */
  redraw(card) {
    const old = this.nodeOf(card.id), focus = old?.contains(document.activeElement);
    old?.replaceWith(this.drawn(card));
    if (focus) this.focus(this.cards.indexOf(card));
  }

  sayMore() {
    const more = this.$(".g-more"), left = this.total - this.cards.length;
    more.hidden = left <= 0;
    put(more, `Show more (${left.toLocaleString("en")})`);
  }

  sayChosen() {
    const box = this.$(".g-chosen"), names = this.chosen.map((run) => this.cardOf(run)).map((card) => (card ? titleOf(card) : "a run that is not shown"));
    box.hidden = !names.length;
    put(find("span", box), names.length === 2 ? `${names[0]} and ${names[1]}` : `${names[0]}, and one more to set beside it`);
    find(".g-hold", box, HTMLButtonElement).disabled = names.length < 2;
  }

  /** The form shows what is asked for. */
  fill() {
    for (const field of this.fields()) field.value = this.asked[/** @type {keyof import("./asked.js").Asked} */ (field.name)];
    attr(this.$(".g-favourites"), "aria-pressed", Boolean(this.asked.favourites));
  }

  /** @returns {(HTMLInputElement | HTMLSelectElement)[]} */
  fields() {
    return all(".g-bar input, .g-bar select", this.element).filter((one) => one instanceof HTMLInputElement || one instanceof HTMLSelectElement);
  }

  /** @param {Counts} counts */
  offer(counts) {
    for (const [name, of, every] of CHOICES) {
      const field = this.$(`select[name=${name}]`, HTMLSelectElement), known = counts[of], asked = this.asked[name];
      const rows = [["", every], ...known.map(([value, n, title]) => [value, `${title ?? value} (${n})`])];
      if (asked && !known.some(([value]) => value === asked)) rows.push([asked, asked]);
      const key = JSON.stringify(rows);
      if (field.dataset.key !== key) {
        field.dataset.key = key;
        field.replaceChildren(...rows.map(([value, text]) => new Option(text, value)));
      }
      field.value = asked;
      field.parentElement?.toggleAttribute("hidden", name === "tag" && !known.length);
    }
  }

  // -- what somebody does ----------------------------------------------------------------------------------------------

  /** @param {Event} event */
  typed(event) {
    const field = event.target;
    if (!at(event, ".g-bar") || !(field instanceof HTMLInputElement || field instanceof HTMLSelectElement)) return;
    this.search({ ...this.asked, [field.name]: field.value }, field === this.words ? TYPING_MS : 0);
  }

  /**
   * @param {import("./asked.js").Asked} asked
   * @param {number} ms
   */
  search(asked, ms = 0) {
    this.asked = asked;
    this.cards = this.cards.slice(0, PAGE);
    history.replaceState(null, "", toAddress(location.href, asked));
    attr(this.$(".g-favourites"), "aria-pressed", Boolean(asked.favourites));
    this.ask(ms);
  }

  /** @param {MouseEvent} event */
  pressed(event) {
    const tag = at(event, ".g-tag"), card = this.cardOf(at(event, ".g-card")?.dataset.run ?? "");
    if (at(event, ".g-favourites")) return this.search({ ...this.asked, favourites: this.asked.favourites ? "" : "yes" });
    if (at(event, ".g-clear")) return this.clear();
    if (at(event, ".g-more")) return void this.more();
    if (at(event, ".g-undo .tool")) return void this.restore(this.undo.run);
    if (at(event, ".g-hold")) return void this.hold();
    if (at(event, ".g-drop")) return this.choose("");
    if (at(event, ".g-empty")) return void this.listTrash(true);
    const back = at(event, ".g-back");
    if (back) return void this.restore(String(back.dataset.run));
    if (!card) return;
    if (tag) {
      this.search({ ...this.asked, tag: String(tag.dataset.tag) });
      return this.fill();
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
    else if (at(event, ".g-edit")) this.edit(card);
    else if (at(event, ".g-delete")) this.remove(card);
    else if (at(event, ".g-save")) this.save(card);
    else if (at(event, ".g-leave")) this.leave(card);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const node = at(event, ".g-card"), card = this.cardOf(node?.dataset.run ?? "");
    if (event.key === "Escape" && this.words === event.target && this.words.value) return this.clear();
    if (event.key === "ArrowDown" && this.words === event.target) return this.focus(0);
    if (!card || withModifier(event)) return;
    if (typing(event)) {
      if (event.key === "Enter") this.save(card);
      else if (event.key === "Escape") this.leave(card);
      else return;
      return event.preventDefault();
    }
    const step = inGrid(event.key), press = { f: () => this.star(card), c: () => this.choose(card.id), e: () => this.edit(card), Delete: () => this.remove(card) };
    if (step) this.focus(next(this.cards.indexOf(card), step, this.columns(), this.cards.length));
    else if (event.key in press) press[/** @type {keyof press} */ (event.key)]();
    else return;
    event.preventDefault();
  }

  columns() {
    return getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
  }

  /** @param {number} i */
  focus(i) {
    const card = this.cards[i], node = card && this.nodeOf(card.id);
    if (node) find(".g-open", node).focus();
  }

  /** @param {string} run */
  nodeOf = (run) => all(".g-card", this.grid).find((node) => node.dataset.run === run);

  /** @param {string} run */
  cardOf = (run) => this.cards.find((card) => card.id === run);

  clear() {
    this.search({ ...nothing(), order: this.asked.order });
    this.fill();
    this.words.focus();
  }

  // -- notes ----------------------------------------------------------------------------------------------------------

  /** @param {Card} card */
  async star(card) {
    const notes = await this.call("note", { run: card.id, favourite: !card.favourite });
    if (notes) this.redraw(Object.assign(card, notes));
  }

  /** @param {Card} card */
  edit(card) {
    for (const open of all(".g-form", this.grid)) open.remove();
    const node = this.nodeOf(card.id), box = form(card);
    node?.append(box);
    find("input", box).focus();
  }

  /** @param {Card} card */
  leave(card) {
    for (const open of all(".g-form", this.grid)) open.remove();
    this.focus(this.cards.indexOf(card));
  }

  /** @param {Card} card */
  async save(card) {
    const box = this.nodeOf(card.id)?.querySelector(".g-form");
    if (!box) return;
    const [name, tags] = ["name", "tags"].map((field) => find(`input[name=${field}]`, box, HTMLInputElement).value);
    const notes = await this.host.server.note({ run: card.id, name, tags: tagsOf(tags) });
    const { problem } = /** @type {{ problem?: string }} */ (notes);
    if (problem) return put(find(".g-wrong", box), problem);
    Object.assign(card, notes);
    this.leave(card);
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
    this.chosen = this.chosen.filter((run) => run !== card.id);
    this.offerUndo(card.id, `${titleOf(card)} is in the trash, and removed after ${gone.days} days.`);
    this.focus(Math.min(i, this.cards.length - 1));
    this.ask(0);
  }

  /**
   * @param {string} run
   * @param {string} text
   */
  offerUndo(run, text) {
    const box = this.$(".g-undo");
    clearTimeout(this.undo.timer);
    this.undo = { run, timer: setTimeout(() => (box.hidden = true), UNDO_MS) };
    put(find("span", box), text);
    box.hidden = false;
  }

  /** @param {string} run */
  async restore(run) {
    this.$(".g-undo").hidden = true;
    if (!(await this.call("restore", { run }))) return;
    await this.look();
    this.focus(this.cards.findIndex((card) => card.id === run));
    this.listTrash();
  }

  /**
   * @param {number} n
   * @param {number} days
   */
  sayTrash(n, days) {
    const box = this.$(".g-trash", HTMLDetailsElement);
    box.hidden = !n;
    put(find("summary", box), `${n} deleted run${n === 1 ? "" : "s"} in the trash, each removed after ${days} days`);
    if (n && box.open) this.listTrash();
  }

  /** @param {boolean} [empty] */
  async listTrash(empty = false) {
    const box = this.$(".g-trash", HTMLDetailsElement);
    if (!box.open) return;
    const found = await this.call("trash", { empty });
    if (!found) return;
    find("ul", box).replaceChildren(...found.runs.map((/** @type {Thrown} */ one) => {
      const row = make("li");
      row.append(make("b", "", one.title), make("small", "", `${one.kind_title} · ${one.left} left`), button("tool g-back", "Take back", { run: one.id }));
      return row;
    }));
    if (empty) {
      this.$(".g-undo").hidden = true;
      this.ask(0);
    }
  }

  /** @param {string} run "" chooses none */
  choose(run) {
    const before = this.chosen;
    this.chosen = run ? choose(before, run) : [];
    for (const one of new Set([...before, ...this.chosen])) {
      const card = this.cardOf(one);
      if (card) this.redraw(card);
    }
    this.sayChosen();
  }

  async hold() {
    const [a, b] = this.chosen, found = await this.call("beside", { a, b });
    if (!found) return;
    this.$(".g-two").replaceChildren(...drawnTwo(found));
    this.drawer.open();
  }
}

/** @param {import("../kit/part.js").Host<{ at: number }>} host */
export const mount = (host) => void new Gallery(host);
