// A study's figure, verdicts, tables and the command that repeats it. value = Studies.body().
import { at, make, put, tone } from "../kit/dom.js";
import { css, drawFigure, followTheme, plotDrawing, plotPicture } from "../kit/figure.js";
import { plural } from "../kit/numbers.js";
import { Part } from "../kit/part.js";
import { SaveBar } from "../kit/save.js";

/**
 * @typedef {object} Verdict
 * @property {string} id
 * @property {string} statement
 * @property {string} verdict
 * @property {string} sentence
 * @property {string} effect
 * @property {string} interval
 * @property {string} unit
 * @property {number} n
 * @property {string} few why that is fewer than were drawn, or ""
 * @property {string} expected
 * @property {string[]} cautions
 */
/** @typedef {{ name: string, tone: string, cells: [value: string, interval: string][] }} Row */
/** @typedef {{ title: string, heads: string[], rows: Row[] }} Table */
/**
 * @typedef {object} Study
 * @property {string} study
 * @property {string} [run]
 * @property {string} problem
 * @property {string} question
 * @property {string} basis
 * @property {string} [wait]
 * @property {{ wide: string, narrow: string } | null} figure plotly figures as JSON text
 * @property {string} caption
 * @property {string} [none]
 * @property {string[]} cautions
 * @property {Verdict[]} verdicts
 * @property {Table[]} tables
 * @property {string} command
 * @property {[name: string, text: string][]} facts
 */
/** @typedef {Partial<Study>} Value empty while no study is open */

const NARROW_PX = 620, SAID_MS = 1500;

/** @param {Verdict} row */
function verdictItem(row) {
  const item = make("div", "lab-verdict"), head = make("div", "lab-head"), numbers = make("p", "lab-numbers");
  item.dataset.verdict = row.verdict;
  head.append(make("i", "", row.id), make("b", "", row.statement), make("span", "lab-mark", row.verdict));
  const basis = make("span", "", `${row.unit} · n = ${row.n}${row.few ? ` (${row.few})` : ""}`);
  numbers.append(make("span", "", "effect "), make("b", "", row.effect), ` ${row.interval} `, basis);
  item.append(head, make("p", "lab-sentence", row.sentence), numbers);
  if (row.expected) item.append(make("p", "lab-expected", `Expected: ${row.expected}.`));
  if (row.cautions.length) item.append(make("p", "line notice", `Caution: ${row.cautions.join("; ")}.`));
  return item;
}

/**
 * @param {Row} row
 * @param {string[]} heads
 */
function tableRow(row, heads) {
  const tr = make("tr"), name = make("th");
  name.scope = "row";
  tone(name, `--arm-${row.tone}`);
  name.append(make("i"), row.name);
  tr.append(name, ...row.cells.map(([value, interval], i) => {
    const cell = make("td");
    cell.dataset.label = heads[i + 1];
    cell.append(make("b", "", value));
    if (interval) cell.append(" ", make("small", "", interval));
    return cell;
  }));
  return tr;
}

/** @param {Table} table */
function tableBox(table) {
  const box = make("details", "lab-table"), summary = make("summary"), scroll = make("div", "lab-scroll");
  const node = make("table", "figures"), head = make("tr"), thead = make("thead"), tbody = make("tbody");
  summary.append(make("h3", "", table.title), make("span", "lab-count", plural(table.rows.length, "row")));
  head.append(...table.heads.map((name) => Object.assign(make("th", "", name), { scope: "col" })));
  thead.append(head);
  tbody.append(...table.rows.map((row) => tableRow(row, table.heads)));
  node.append(thead, tbody);
  scroll.append(node);
  box.append(summary, scroll);
  return box;
}

/** @extends {Part<Value>} */
class Result extends Part {
  narrow = false;
  tablesOf = ""; // the run whose tables are there

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.on("click", (event) => this.copy(event));
    const kinds = ["png", "svg", "csv", "json", "yaml"];
    this.saves = new SaveBar(this.$(".lab-save"), host.server.save_as, () => this.toSave(), kinds);
    const redraw = () => void this.drawPlot();
    this.follow(() => this.draw());
    followTheme(this.element, redraw);
    new ResizeObserver(() => {
      if (this.narrow !== this.element.clientWidth < NARROW_PX || !this.element.dataset.ready) redraw();
    }).observe(this.element);
  }

  /** @returns {import("../kit/save.js").Result} */
  toSave() {
    const { run, study, tables } = this.value ?? {};
    return { name: tables?.length ? `study-${study}-${run}` : "", wish: { run }, picture: () => plotPicture(this.$(".plot")),
      plot: () => plotDrawing(this.$(".plot")) };
  }

  figure() {
    const found = this.value?.figure;
    return found ? (this.narrow ? found.narrow : found.wide) : null;
  }

  async drawPlot() {
    const { element } = this;
    if (!element.offsetParent) return; // drawn when the tab is shown: a hidden box has no width
    this.narrow = element.clientWidth < NARROW_PX;
    const text = this.figure(), plot = this.$(".plot");
    for (const arm of ["teacher", "student"]) // a fifth of the colour
      element.style.setProperty(`--area-${arm}`, `${css(element, `--arm-${arm}`)}33`);
    plot.style.height = text ? `${JSON.parse(text).layout.height}px` : "";
    if (await drawFigure(plot, text, () => this.figure()))
      element.dataset.ready = `${this.value?.run ?? ""} ${this.narrow ? "narrow" : "wide"}`;
  }

  draw() {
    /** @type {Value} */
    const value = this.value ?? {};
    const cautions = value.cautions ?? [];
    this.$(".lab-result").hidden = !value.study;
    if (value.study) {
      this.$(".lab-problem").hidden = !value.problem;
      put(this.$(".lab-problem"), value.problem ?? "");
      put(this.$(".lab-question"), value.question ?? "");
      put(this.$(".lab-basis"), value.basis ?? "");
      this.$(".plot-wait").hidden = Boolean(value.figure) || !value.wait;
      put(this.$(".plot-wait"), value.wait ?? "");
      this.$(".lab-figure").hidden = !value.figure && !value.wait;
      put(this.$("figcaption"), value.figure ? value.caption ?? "" : "");
      this.$(".lab-said").hidden = !value.basis;
      put(this.$(".lab-no-verdict"), value.none ?? "");
      this.$(".lab-caution").hidden = !cautions.length;
      put(this.$(".lab-caution"), cautions.length ? `Caution, for all of them: ${cautions.join("; ")}.` : "");
      this.$(".lab-verdicts").replaceChildren(...(value.verdicts ?? []).map(verdictItem));
      this.drawTables(value);
      this.saves.draw();
      this.drawFacts(value);
    }
    void this.drawPlot();
  }

  /** @param {Value} value */
  drawTables(value) {
    const box = this.$(".lab-tables"), old = [...box.querySelectorAll("details")], run = value.run ?? "";
    const open = this.tablesOf === run ? old.map((node) => node.open) : [true];
    this.tablesOf = run;
    box.replaceChildren(...(value.tables ?? []).map((table, i) => Object.assign(tableBox(table), { open: open[i] ?? false })));
  }

  /** @param {Value} value */
  drawFacts(value) {
    this.$(".lab-again").hidden = !value.command;
    put(this.$(".lab-command code"), value.command ?? "");
    this.$(".lab-facts").replaceChildren(...(value.facts ?? []).map(([name, text]) => {
      const pair = make("div");
      pair.append(make("dt", "", name), make("dd", "", text));
      return pair;
    }));
  }

  /** @param {MouseEvent} event */
  async copy(event) {
    const button = at(event, ".lab-command button");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(this.value?.command ?? "");
      button.textContent = "Copied";
    } catch { // no permission, or no secure address: the text is selected instead
      getSelection()?.selectAllChildren(this.$(".lab-command code"));
      button.textContent = "Selected";
    }
    setTimeout(() => put(button, "Copy"), SAID_MS);
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Result(host);
