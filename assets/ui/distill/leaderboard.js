// The students of a teacher on one plot, with a table that can be sorted. value = Leaderboard.value(). Triggers "measure",
// "look" and "compare" with {student}. Choosing what is across the plot asks no server.
import { all, at, attr, button, make, put, tone } from "../kit/dom.js";
import { drawFigure, followTheme, plotDrawing, plotPicture } from "../kit/figure.js";
import { Part } from "../kit/part.js";
import { SaveBar } from "../kit/save.js";
import { keep, kept } from "../kit/storage.js";
import { inOrder, pressed } from "./order.js";

/**
 * @typedef {object} Row
 * @property {string} title
 * @property {string} role
 * @property {string} tone
 * @property {string} student id of the student, "" of a row that is none
 * @property {Record<string, import("./order.js").Cell>} cells by column
 * @property {string} state why it is off the front, or ""
 * @property {string} about
 * @property {Record<string, boolean>} front whether it is on the Pareto front, by quality
 */
/**
 * @typedef {object} Value
 * @property {Row[]} rows
 * @property {string} [teacher] its id
 * @property {string} [title]
 * @property {string} [summary]
 * @property {string} [problem]
 * @property {string[]} [said]
 * @property {string} [note]
 * @property {{ text: string, enabled: boolean, about: string } | null} [action]
 * @property {Record<string, string | null>} [figures] plotly figures as JSON text, by what is across
 * @property {[choice: string, words: string][]} [choices]
 */

/** @type {[by: string, words: string, sign: number][]} */
const COLUMNS = [
  ["title", "model", 1], ["accuracy", "accuracy", -1], ["diversity", "diversity", -1], ["fd_oracle", "FD-oracle", 1],
  ["nfe", "NFE", 1],
];
const OPEN = "leaderboard"; // in the browser's memory

/** @returns {DOMStringMap} */
const held = () => (document.activeElement instanceof HTMLElement ? document.activeElement.dataset : {});

/** @extends {Part<Value>} */
class Leaderboard extends Part {
  across = "accuracy";
  sort = { by: "diversity", sign: -1 };

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.box = this.$(".l-box", HTMLDetailsElement);
    this.select = this.$(".l-sort", HTMLSelectElement);
    this.select.append(...COLUMNS.map(([by, words]) => new Option(words, by)));
    this.on("click", (event) => this.click(event));
    this.select.addEventListener("change", () => {
      const [by, , sign] = COLUMNS.find(([name]) => name === this.select.value) ?? COLUMNS[0];
      this.sort = { by, sign };
      this.drawTable();
    });
    this.saves = new SaveBar(this.$(".l-save"), host.server.save_as, () => this.toSave(), ["png", "svg", "csv", "json"]);
    this.box.open = kept(OPEN) === "1";
    this.box.addEventListener("toggle", () => {
      keep(OPEN, this.box.open ? "1" : "");
      if (!this.box.open) return;
      void this.drawPlot();
      this.trigger("look", {});
    });
    this.follow(() => this.draw());
    followTheme(this.element, () => void this.drawPlot());
  }

  draw() {
    const value = this.value;
    if (!value) return;
    this.element.hidden = !value.title && !value.said?.length;
    put(this.$(".l-sum"), [value.title, value.summary].filter(Boolean).join(": "));
    this.$(".l-problem").hidden = !value.problem;
    put(this.$(".l-problem"), value.problem ?? "");
    this.$(".l-said").replaceChildren(...(value.said ?? []).map((text) => make("p", "", text)));
    put(this.$(".l-note"), value.rows.length ? value.note ?? "" : "");
    put(this.$(".l-about"), value.action?.about ?? "");
    const measure = this.$(".l-measure", HTMLButtonElement);
    measure.hidden = !value.action?.text;
    measure.textContent = value.action?.text ?? "";
    measure.disabled = !value.action?.enabled;
    this.saves.draw();
    this.$(".l-two").hidden = !value.rows.length;
    this.drawChoices(value);
    this.drawTable();
    void this.drawPlot();
  }

  /** @returns {import("../kit/save.js").Result} */
  toSave() {
    const { teacher, rows } = this.value ?? {};
    return { name: rows?.length ? `leaderboard-${teacher}` : "", wish: { teacher }, picture: () => plotPicture(this.$(".plot")),
      plot: () => plotDrawing(this.$(".plot")) };
  }

  // -- the plot

  figure() {
    return this.value?.figures?.[this.across] ?? null;
  }

  async drawPlot() {
    if (!this.box.open || !this.value) return;
    const text = this.figure(), plot = /** @type {import("../kit/figure.js").Plot} */ (this.$(".plot"));
    this.$(".plot-wait").hidden = Boolean(text);
    this.$(".plot-box").classList.toggle("l-none", !text);
    if (!(await drawFigure(plot, text, () => this.figure()))) return;
    this.element.dataset.ready = "1";
    plot.removeAllListeners?.("plotly_click");
    plot.on?.("plotly_click", (event) => {
      const student = event.points[0]?.data.customdata?.[0];
      if (student) this.trigger("compare", { student });
    });
  }

  /** @param {Value} value */
  drawChoices(value) {
    const box = this.$(".l-choices"), choices = value.choices ?? [];
    box.hidden = !this.figure();
    if (box.children.length !== choices.length)
      box.replaceChildren(...choices.map(([choice, words]) => button("", words, { choice })));
    for (const one of all("button", box)) attr(one, "aria-pressed", one.dataset.choice === this.across);
  }

  // -- the table

  drawTable() {
    const { by, student } = held();
    this.$("thead").replaceChildren(this.head());
    this.select.value = this.sort.by;
    this.$("tbody").replaceChildren(...inOrder(this.value?.rows ?? [], this.sort).map((row) => this.line(row)));
    if (by) all(".l-th", this.element).find((one) => one.dataset.by === by)?.focus();
    if (student) all(".l-open", this.element).find((one) => one.dataset.student === student)?.focus();
  }

  head() {
    const row = make("tr");
    for (const [by, words, sign] of COLUMNS) {
      const cell = make("th");
      cell.scope = "col";
      attr(cell, "aria-sort", this.sort.by !== by ? "none" : this.sort.sign > 0 ? "ascending" : "descending");
      cell.append(button("l-th", words, { by, sign }));
      row.append(cell);
    }
    return row;
  }

  /** @param {Row} row */
  line(row) {
    const tr = make("tr", row.state ? "l-otherwise" : ""), name = make("th"), cell = make("div", "l-cell");
    const words = make("div", "l-name"), mark = make("i", `l-mark l-${row.role}`);
    const on = this.across === "nfe" ? Object.values(row.front).some(Boolean) : row.front[this.across];
    name.scope = "row";
    tone(name, `--arm-${row.tone}`);
    mark.classList.toggle("on", on);
    mark.title = on ? "on the Pareto front" : "";
    if (row.student) {
      const open = button("l-open", row.title, { student: row.student });
      open.title = "Compare it with its teacher and the hybrid";
      words.append(open);
    } else words.append(make("b", "l-plain", row.title));
    words.append(make("small", "", row.state || row.about));
    cell.append(mark, words);
    name.append(cell);
    tr.append(name, ...COLUMNS.slice(1).map(([by, label]) => {
      const [, value, interval] = row.cells[by], figure = make("td");
      figure.dataset.label = label;
      figure.append(make("b", "", value));
      if (interval) figure.append(" ", make("small", "", interval));
      return figure;
    }));
    return tr;
  }

  /** @param {MouseEvent} event */
  click(event) {
    const pushed = at(event, "button"), { choice, by, sign, student } = pushed?.dataset ?? {};
    if (pushed instanceof HTMLButtonElement && pushed.matches(".l-measure")) {
      pushed.disabled = true;
      this.trigger("measure", {});
    }
    if (student) this.trigger("compare", { student });
    if (choice) {
      this.across = choice;
      this.draw();
    }
    if (by) {
      this.sort = pressed(this.sort, by, Number(sign));
      this.drawTable();
    }
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Leaderboard(host);
