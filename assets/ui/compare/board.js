// The board: state, progress, the computed sentence and the wall of seeds. Triggers "scrub" with {run}.
// The template holds no value, so this file patches the page in place: pictures already shown never reload.
import { remember } from "../kit/address.js";
import { all, at, attr, find, make, put, rebuild, tone } from "../kit/dom.js";
import { plotDrawing } from "../kit/figure.js";
import { inGrid } from "../kit/keys.js";
import { done, unbroken } from "../kit/numbers.js";
import { Part, tell } from "../kit/part.js";
import { PLAIN, PLOTS, SaveBar } from "../kit/save.js";
import { pictureOf } from "../kit/sheet.js";
import { keep, kept } from "../kit/storage.js";
import { titled } from "../kit/title.js";
import { atFirst, beside, named, pressed } from "./choice.js";
import { build, cellOf, drawFigures, drawPicture, drawStrip, sheetOf } from "./wall.js";

/** @typedef {import("./types.js").Value} Value */
/** @typedef {import("./types.js").View} View */

const SENTENCES = 3; // shown below the headline; more of them wait behind a click
const NARROW_PX = 820;

/** @extends {Part<Value>} */
class Board extends Part {
  /** @type {View | null} */
  view = null; // the run drawn last
  built = ""; // run, arms and seeds the wall was built for
  /** @type {import("./wall.js").Wall} */
  wall = { cells: new Map(), metas: new Map() };
  selected = { seed: 0, left: "", right: "" };

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.hear("studio:hello", () => this.share());
    this.hear("studio:select", (/** @type {Partial<import("./types.js").Selected>} */ change) => {
      Object.assign(this.selected, change);
      this.mark();
    });
    this.on("click", (event) => this.click(event));
    this.on("keydown", (event) => this.walk(event));
    this.saves = new SaveBar(this.$(".b-save"), host.server.save_as, () => this.toSave(), [...PLAIN, "html", ...PLOTS]);
    this.follow(() => this.draw());
    const tabs = this.element.querySelector(".e-for");
    if (!(tabs instanceof HTMLDetailsElement)) return;
    tabs.open = kept("tabs") !== "away";
    tabs.addEventListener("toggle", () => keep("tabs", tabs.open ? "" : "away"));
  }

  /** The stage is another component; it listens to this one. */
  share() {
    if (this.view) tell("studio:view", { view: this.view, selected: this.selected });
  }

  mark() {
    const { seed, left, right } = this.selected;
    for (const head of all(".w-seed", this.element)) head.classList.toggle("on", Number(head.dataset.seed) === seed);
    for (const cell of this.wall.cells.values()) {
      const here = Number(cell.dataset.seed) === seed, arm = cell.dataset.arm, on = here && (arm === left || arm === right);
      cell.classList.toggle("on", on);
      cell.classList.toggle("column", here);
      cell.tabIndex = here && arm === right ? 0 : -1;
      attr(cell, "aria-pressed", on);
    }
    this.share();
  }

  draw() {
    const value = this.value, board = this.$(".board");
    this.view = value && value.run !== null ? value : null;
    if (!value || value.run === null) {
      board.dataset.state = "empty";
      if (value) this.drawEmpty(value.illustration);
      return;
    }
    board.dataset.state = value.state;
    this.saves.draw();
    this.drawStatus(value);
    this.drawHeadline(value);
    const key = JSON.stringify([value.run, value.seeds, value.rows.map((row) => row.arm)]);
    if (key !== this.built) this.begin(key, value);
    for (const row of value.rows) {
      const meta = this.wall.metas.get(row.arm);
      if (!meta) continue;
      drawFigures(meta, row, value);
      drawStrip(this.wall, row, value, (run) => this.view?.run === run);
      for (const seed of value.seeds) {
        const cell = this.wall.cells.get(cellOf(row.arm, seed));
        if (cell) drawPicture(cell, row, seed, value);
      }
      meta.classList.toggle("active", value.live && value.progress?.arm === row.arm);
    }
    this.mark();
  }

  /** @param {import("./types.js").Illustration} illustration */
  drawEmpty(illustration) {
    const box = this.$(".b-empty .e-rows");
    if (box.childElementCount) return;
    for (const row of illustration.rows) {
      const line = make("div", "e-row");
      tone(line, `--arm-${row.tone}`);
      line.append(make("b", "", row.title), ...row.images.map((src) => Object.assign(new Image(), { src, alt: "" })));
      box.append(line);
    }
  }

  /** @param {View} view */
  drawStatus(view) {
    put(this.$(".b-chip"), view.status.word);
    put(this.$(".b-text"), view.status.text);
    this.$(".b-scrub").hidden = view.live || view.shipped || !view.rows.some((row) => Object.keys(row.images).length);
    const percent = done(view.state, view.progress);
    this.$(".b-bar i").style.width = `${percent}%`;
    attr(this.$(".b-bar"), "aria-valuenow", Math.round(percent));
    titled(view.live ? `${Math.round(percent)} %` : "");
    const asked = view.headline.lead.includes(view.prompt) ? [] : [make("b", "", `“${view.prompt}”`), " "];
    rebuild(this.$(".b-what"), `${asked.length} ${view.run}`, () => [...asked, make("span", "", view.pair)]);
    rebuild(this.$(".b-notices"), view.notices.join("|"), () => view.notices.map((text) => make("li", "", text)));
  }

  /**
   * Words of the headline that name an arm wear its colour.
   * @param {View} view
   */
  drawHeadline(view) {
    const { lead, rest, tone: mood } = view.headline, box = this.$(".b-headline");
    const hybrid = view.rows.find((row) => row.arm.startsWith("hybrid"))?.tone ?? "hybrid-1";
    /** @param {string} words */
    const coloured = (words) => named(unbroken(words), hybrid).map(({ text, tone: arm }) => {
      if (!arm || mood === "pending") return text;
      const span = make("span", "named", text);
      tone(span, `--arm-${arm}`);
      return span;
    });
    if (!rebuild(box, lead, () => coloured(lead))) return;
    box.dataset.tone = mood;
    const items = rest.map((sentence) => {
      const item = make("li");
      item.append(...coloured(sentence));
      return item;
    });
    const shown = items.length === SENTENCES + 1 ? items.length : SENTENCES, more = make("details");
    more.append(make("summary", "", `${items.length - shown} more`), ...items.slice(shown));
    this.$(".b-rest").replaceChildren(...items.slice(0, shown), ...(items.length > shown ? [more] : []));
  }

  /**
   * A wall for another run, or for other arms or seeds of it.
   * @param {string} key
   * @param {View} view
   */
  begin(key, view) {
    this.built = key;
    this.wall = build(this.$(".wall"), view);
    this.selected = atFirst(view.rows.map((row) => row.arm), view.seeds);
    remember("run", view.run);
    keep("run", view.run);
    if (view.live && innerWidth <= NARROW_PX) this.element.scrollIntoView({ behavior: "smooth", block: "start" });
  }

  /** @returns {import("../kit/save.js").Result} */
  toSave() {
    const view = this.view, any = view && !view.live && view.rows.some((row) => Object.keys(row.images).length);
    return { name: any ? `compare-${view.run}` : "", wish: { run: view?.run },
      picture: () => (view ? pictureOf(sheetOf(view), this.element) : Promise.resolve(null)),
      plot: () => plotDrawing(find("#plot .plot", document)) };
  }

  /** @param {HTMLElement} cell */
  choose(cell) {
    this.selected = pressed(this.selected, String(cell.dataset.arm), Number(cell.dataset.seed));
    this.mark();
  }

  /** @param {MouseEvent} event */
  click(event) {
    const cell = at(event, ".w-cell"), head = at(event, ".w-seed");
    if (cell) this.choose(cell);
    else if (at(event, "[data-prompt]")) this.trigger("draw", { prompt: at(event, "[data-prompt]")?.dataset.prompt });
    else if (at(event, ".b-scrub") && this.view) this.trigger("scrub", { run: this.view.run });
    else if (head) {
      this.selected.seed = Number(head.dataset.seed);
      this.mark();
    }
  }

  /**
   * Arrow keys walk the wall.
   * @param {KeyboardEvent} event
   */
  walk(event) {
    const cell = at(event, ".w-cell"), move = inGrid(event.key), view = this.view;
    if (!cell || !move || !view) return;
    event.preventDefault();
    const from = { arm: String(cell.dataset.arm), seed: Number(cell.dataset.seed) };
    const to = beside(view.rows.map((row) => row.arm), view.seeds, from, move);
    const next = this.wall.cells.get(cellOf(to.arm, to.seed));
    if (!next) return;
    this.choose(next);
    next.focus();
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Board(host);
