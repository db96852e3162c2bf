// Rows = arms, columns = strengths of one adapter, on one seed at a time. value = ControlView.board(), or {run: null}.
import { remember } from "../kit/address.js";
import { at, attr, button, file, find, make, put, tone, typing } from "../kit/dom.js";
import { around, done, signed } from "../kit/numbers.js";
import { Part } from "../kit/part.js";
import { SaveBar } from "../kit/save.js";
import { pictureOf } from "../kit/sheet.js";

/** @typedef {{ images: Record<string, string>, amounts: Record<string, string> }} Cell path and reading, by seed */
/** @typedef {{ arm: string, title: string, tone: string, meaning: string, figures: string, cells: (Cell | null)[] }} Row */
/**
 * @typedef {object} View
 * @property {string} run
 * @property {string} title of the adapter
 * @property {string} prompt
 * @property {string} pair its two models by name
 * @property {number[]} seeds
 * @property {number[]} strengths
 * @property {string} state
 * @property {{ word: string, text: string }} status
 * @property {{ done: number, total: number } | null} progress
 * @property {string[]} notices
 * @property {{ title: string, low: string, high: string, unit: string } | null} attribute what the adapter moves
 * @property {string} hint path of the picture that is followed, or ""
 * @property {Row[]} rows
 */
/** @typedef {View | { run: null }} Value */

const LIVE = ["queued", "loading", "running"];

/**
 * The grid on one seed, as it is saved.
 * @param {View} view
 * @param {number} seed
 * @returns {import("../kit/sheet.js").Sheet}
 */
function sheetOf(view, seed) {
  const rows = view.rows.map(({ title, tone: arm, figures, cells }) => ({
    title, tone: arm, notes: figures ? [figures] : [], cells: cells.map((cell) => (cell?.images[seed]
      ? { address: file(view.run, cell.images[seed]), note: cell.amounts[seed] ?? "" } : null)),
  }));
  return { title: `“${view.prompt}”, seed ${seed}, ${view.title}`, heads: view.strengths.map(signed), rows };
}

/** @extends {Part<Value>} */
class Board extends Part {
  /** @type {View | null} */
  view = null;
  built = "";
  /** @type {HTMLButtonElement[][]} */
  cells = []; // by row and strength
  seed = 0;
  /** @type {{ arm: string, strength: number } | null} */
  enlarged = null;

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.on("click", (event) => {
      if (at(event, ".ctl-prev")) this.step(-1);
      if (at(event, ".ctl-next")) this.step(1);
    });
    this.onPage("keydown", (event) => {
      if (!this.element.offsetParent || !this.view || typing(event)) return;
      if (event.key === "[") this.step(-1);
      if (event.key === "]") this.step(1);
      if (event.key === "Escape" && this.enlarged) this.press(this.enlarged.arm, this.enlarged.strength);
    });
    this.saves = new SaveBar(this.$(".b-save"), host.server.save_as, () => this.toSave());
    this.follow(() => this.draw());
  }

  /** @returns {import("../kit/save.js").Result} */
  toSave() {
    const view = this.view, any = view && !LIVE.includes(view.state) && view.rows.some((row) => row.cells.some(Boolean));
    return { name: any ? `control-${view.run}` : "", part: `seed-${this.seed}`, wish: { run: view?.run },
      picture: () => (view ? pictureOf(sheetOf(view, this.seed), this.element) : Promise.resolve(null)) };
  }

  draw() {
    const value = this.value, view = value?.run ? value : null, another = view?.run !== this.view?.run;
    this.view = view;
    this.$(".board").dataset.state = view ? view.state : "empty";
    if (!view) return;
    if (another) {
      this.enlarged = null;
      remember("control", view.run);
    }
    if (!view.seeds.includes(this.seed)) this.seed = view.seeds[0];
    const key = JSON.stringify([view.run, view.seeds, view.strengths, view.rows.map((row) => row.arm)]);
    if (key !== this.built) this.build(key, view);
    put(this.$(".b-chip"), view.status.word);
    put(this.$(".b-text"), view.status.text);
    const percent = done(view.state, view.progress);
    this.$(".b-bar i").style.width = `${percent}%`;
    attr(this.$(".b-bar"), "aria-valuenow", Math.round(percent));
    put(this.$(".b-what"), view.pair);
    put(this.$(".b-headline"), `“${view.prompt}”`);
    this.$(".b-notices").replaceChildren(...view.notices.map((text) => make("li", "", text)));
    this.$(".ctl-seeds").hidden = view.seeds.length < 2;
    this.saves.draw();
    this.fill(view);
  }

  /**
   * @param {string} key
   * @param {View} view
   */
  build(key, view) {
    const grid = this.$(".ctl-grid"), corner = make("div", "ctl-corner"), ends = view.attribute;
    this.built = key;
    this.cells = [];
    grid.style.setProperty("--n", String(view.strengths.length));
    corner.append(make("b", "", view.title), make("span", "", ends ? `${ends.low} – ${ends.high}` : "strength"));
    grid.replaceChildren(corner, ...view.strengths.map((strength) => {
      const head = make("div", "ctl-strength", signed(strength));
      head.dataset.zero = String(strength === 0);
      return head;
    }));
    for (const row of view.rows) {
      const meta = make("div", "w-meta"), name = make("div", "w-name");
      tone(meta, `--arm-${row.tone}`);
      meta.title = row.meaning;
      name.append(make("b", "", row.title));
      meta.append(name, make("div", "w-figures"));
      const cells = view.strengths.map((strength) => {
        const cell = button("ctl-cell");
        tone(cell, `--arm-${row.tone}`);
        cell.append(make("span", "ctl-amount"));
        cell.addEventListener("click", () => this.press(row.arm, strength));
        return cell;
      });
      grid.append(meta, ...cells);
      this.cells.push(cells);
    }
  }

  /** @param {View} view */
  fill(view) {
    const metas = this.element.querySelectorAll(".w-meta");
    view.rows.forEach((row, i) => {
      put(find(".w-figures", metas[i]), row.figures);
      row.cells.forEach((found, j) => this.fillCell(this.cells[i][j], row, found, signed(view.strengths[j]), view));
    });
    put(this.$(".ctl-seed"), `seed ${this.seed}`);
    const corner = this.$(".ctl-corner");
    if (view.hint && corner.dataset.hint !== view.hint) {
      corner.dataset.hint = view.hint;
      corner.querySelector("img")?.remove();
      const said = "the picture that is followed";
      corner.prepend(Object.assign(new Image(), { src: file(view.run, view.hint), alt: said, title: said }));
    }
    if (this.enlarged) this.enlarge(this.enlarged.arm, this.enlarged.strength);
  }

  /**
   * @param {HTMLButtonElement} cell
   * @param {Row} row
   * @param {Cell | null} found
   * @param {string} strength
   * @param {View} view
   */
  fillCell(cell, row, found, strength, view) {
    const path = found?.images[this.seed], image = cell.querySelector("img");
    if (path && image?.dataset.path !== path) {
      const fresh = new Image();
      fresh.dataset.path = path;
      fresh.alt = `${row.title} at strength ${strength}, seed ${this.seed}`;
      fresh.src = file(view.run, path);
      if (image) image.replaceWith(fresh);
      else cell.prepend(fresh);
    } else if (!path) image?.remove();
    cell.disabled = !path;
    attr(cell, "aria-label", `${row.title}, strength ${strength}: ${path ? "enlarge" : "not drawn yet"}`);
    put(find(".ctl-amount", cell), found?.amounts[this.seed] ?? "");
  }

  /**
   * A press on a cell enlarges it, a second one puts it back.
   * @param {string} arm
   * @param {number} strength
   */
  press(arm, strength) {
    if (this.enlarged?.arm !== arm || this.enlarged.strength !== strength) return this.enlarge(arm, strength);
    this.enlarged = null;
    this.$(".ctl-large").hidden = true;
    this.mark();
  }

  /**
   * @param {string} arm
   * @param {number} strength
   */
  enlarge(arm, strength) {
    const view = this.view, row = view?.rows.find((one) => one.arm === arm);
    const found = row?.cells[view?.strengths.indexOf(strength) ?? -1], path = found?.images[this.seed];
    const box = this.$(".ctl-large");
    this.enlarged = path ? { arm, strength } : null;
    box.hidden = !path;
    this.mark();
    if (!view || !row || !path) return;
    const image = find("img", box, HTMLImageElement), save = make("a", "", "save the picture");
    const amount = found?.amounts[this.seed];
    image.src = save.href = file(view.run, path);
    image.alt = `${row.title} at strength ${signed(strength)}, seed ${this.seed}, enlarged`;
    save.download = `${arm}-${view.title}-${strength}-${this.seed}.png`;
    const read = amount === undefined ? "" : `${view.attribute?.title}: ${amount} ${view.attribute?.unit ?? ""}`;
    find("figcaption", box).replaceChildren(
      make("b", "", `${row.title}, ${view.title} ${signed(strength)}, seed ${this.seed}`), make("span", "", read), save,
    );
  }

  mark() {
    const view = this.view, chosen = this.enlarged;
    view?.rows.forEach((row, i) => this.cells[i].forEach((cell, j) => {
      attr(cell, "aria-pressed", chosen?.arm === row.arm && chosen.strength === view.strengths[j]);
    }));
  }

  /** @param {number} by */
  step(by) {
    const view = this.view;
    if (!view) return;
    this.seed = view.seeds[around(view.seeds.indexOf(this.seed), by, view.seeds.length)];
    this.fill(view);
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Board(host);
