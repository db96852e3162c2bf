// An evaluation as it goes on: candidates with the pictures as they come, then what was found, failures first. value =
// EvaluateView.board(), or {run: null}. Triggers "details" and "open" with {run}. Hears "evaluate-open"; tells
// "evaluate-returned" after the form is that of a run again, and "evaluate-example".
import { remember } from "../kit/address.js";
import { Asked } from "../kit/asked.js";
import { all, at, attr, button, file, find, make, put, rebuild, tone } from "../kit/dom.js";
import { inList } from "../kit/keys.js";
import { around, done, plural, unbroken } from "../kit/numbers.js";
import { Part, tell } from "../kit/part.js";
import { SaveBar } from "../kit/save.js";
import { form, returnTo } from "./form.js";
import { failingNodes, figureNodes, gapNodes, scoreNodes, trustNodes } from "./tables.js";
import { wallNodes } from "./wall.js";

/** @typedef {{ title: string, tone: string, done: number, of: number, files: string[] }} Drawing */
/**
 * @typedef {object} Found
 * @property {string[]} said
 * @property {{ title: string, about: string, counts: boolean }[]} judges
 * @property {string} foot who judged
 * @property {import("./tables.js").Scores} scores
 * @property {{ rows: import("./tables.js").Gap[], note: string } | null} pairs
 * @property {import("./tables.js").Failing[][]} failing by candidate
 * @property {import("./tables.js").Figures | null} figures
 * @property {import("./tables.js").Trust[]} trust
 * @property {string} report
 */
/**
 * @typedef {object} View
 * @property {string} run
 * @property {string} title
 * @property {string} state
 * @property {boolean} live
 * @property {{ word: string, text: string }} status
 * @property {{ done: number, total: number } | null} progress
 * @property {string[]} notices
 * @property {string[]} titles
 * @property {string[]} tones
 * @property {Drawing[] | null} drawing
 * @property {Found | null} found
 * @property {import("./form.js").Form} asked the form it came from
 */
/** @typedef {View | import("../kit/asked.js").Bare<View["asked"]>} Value */

const PAGE = 12, ASKED = 8; // samples and questions at first

/** @extends {Part<Value>} */
class Board extends Part {
  /** @type {View | null} */
  view = null;
  /** @type {Asked<View["asked"]>} */
  asked = new Asked();
  own = 0; // whose samples are shown
  beside = 1;
  question = ""; // of which only failures are shown
  count = PAGE;
  newest = 0; // wall that was asked for; an older one is not shown

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.with = this.$(".ev-with select", HTMLSelectElement);
    this.$(".p-details").addEventListener("click", () => this.trigger("details", {}));
    this.$(".ev-example").addEventListener("click", () => tell("evaluate-example"));
    this.with.addEventListener("change", () => this.show({ beside: Number(this.with.value) }));
    this.on("click", (event) => this.pressed(event));
    this.on("keydown", (event) => this.walk(event));
    this.hear("evaluate-open", (/** @type {{ run: string }} */ asked) => {
      this.view = null; // the form becomes that of the run
      this.trigger("open", asked);
    });
    this.saves = new SaveBar(this.$(".b-save"), host.server.save_as, () => this.toSave(), ["csv", "json", "yaml"]);
    this.follow(() => this.draw());
  }

  /** @returns {import("../kit/save.js").Result} */
  toSave() {
    const { run, found } = this.view ?? {};
    return { name: found ? `evaluation-${run}` : "", wish: { run }, picture: () => Promise.resolve(null) };
  }

  draw() {
    const value = this.value, view = value?.run ? /** @type {View} */ (value) : null, another = view?.run !== this.view?.run;
    const given = this.asked.of(value) ?? (view && !this.view ? view.asked : null);
    if (given) { // a file; or a run after a reload, while one that was just started has the form as it is
      returnTo({ ...given, prompts: given.prompts || form.prompts });
      tell("evaluate-returned");
    }
    this.view = view;
    this.$(".board").dataset.state = view ? view.state : "empty";
    if (!view) return;
    if (another) {
      Object.assign(this, { own: 0, beside: view.titles.length > 1 ? 1 : -1, question: "", count: PAGE });
      remember("evaluate", view.run);
    }
    put(this.$(".b-chip"), view.status.word);
    put(this.$(".b-text"), view.status.text);
    const percent = done(view.state, view.progress);
    this.$(".b-bar i").style.width = `${percent}%`;
    attr(this.$(".b-bar"), "aria-valuenow", Math.round(percent));
    put(this.$(".b-headline"), view.title);
    rebuild(this.$(".b-notices"), JSON.stringify(view.notices), () => view.notices.map((text) => make("li", "", text)));
    this.drawLive(view);
    this.drawFound(view);
    this.saves.draw();
  }

  /** @param {View} view */
  drawLive({ run, drawing }) {
    const box = this.$(".ev-live");
    box.hidden = !drawing;
    rebuild(box, JSON.stringify([run, (drawing ?? []).map((one) => one.title)]), () => (drawing ?? []).map((one) => {
      const row = make("div", "ev-doing"), head = make("p"), bar = make("span", "ev-did"), pictures = make("div", "ev-came");
      tone(row, `--arm-${one.tone}`);
      head.append(make("i"), make("b", "", one.title), make("span"));
      bar.append(make("i"));
      row.append(head, bar, pictures);
      return row;
    }));
    all(".ev-doing", box).forEach((row, i) => {
      const one = drawing?.[i];
      if (!one) return;
      put(find("p span", row), one.done ? `${one.done} of ${plural(one.of, "prompt")}` : "waits");
      find(".ev-did i", row).style.width = `${one.of ? (100 * one.done) / one.of : 0}%`;
      rebuild(find(".ev-came", row), one.files.join(), () =>
        one.files.map((path) => Object.assign(new Image(), { src: file(run, path), alt: "" })));
    });
  }

  /** @param {View} view */
  drawFound(view) {
    const found = view.found, report = this.$(".ev-report", HTMLAnchorElement);
    this.$(".p-came").hidden = this.$(".ev-failures").hidden = !found;
    report.hidden = !found?.report;
    for (const name of ["scores", "pairs", "figures"]) this.$(`.ev-${name}`).hidden = !found?.[/** @type {"scores"} */ (name)];
    this.$(".ev-trust").hidden = !found?.trust.length;
    if (!found) return;
    if (found.report) report.href = file(view.run, found.report);
    rebuild(this.$(".p-said"), JSON.stringify(found.said), () => found.said.map((text) => make("li", "", unbroken(text))));
    rebuild(this.$(".ev-judges"), JSON.stringify(found.judges), () => found.judges.map((one) => {
      const line = make("p", "p-reader"), counts = found.judges.length > 1 && one.counts ? ", whose answers count" : "";
      line.append(make("b", "", `${one.title}${counts}: `), one.about);
      return line;
    }));
    this.table(".ev-scores", found.scores, () => scoreNodes(found.scores));
    if (found.pairs) {
      const { rows, note } = found.pairs;
      rebuild(this.$(".ev-gaps"), JSON.stringify(rows), () => gapNodes(rows));
      put(this.$(".ev-pairs .table-note"), note);
    }
    if (found.figures) this.table(".ev-figures", found.figures, () => figureNodes(/** @type {any} */ (found.figures)));
    rebuild(this.$(".ev-trust"), JSON.stringify(found.trust), () => trustNodes(found.trust));
    this.drawFailures(view, found);
  }

  /**
   * @param {string} place
   * @param {{ rows: object[], note: string }} table
   * @param {() => Node[]} nodes
   */
  table(place, table, nodes) {
    const box = this.$(place);
    rebuild(find("table", box), JSON.stringify(table), nodes);
    put(find(".table-note", box), table.note);
  }

  /**
   * @param {View} view
   * @param {Found} found
   */
  drawFailures({ run, titles, tones }, found) {
    const others = titles.map((title, i) => ({ title, i })).filter(({ i }) => i !== this.own), whose = this.$(".ev-whose");
    rebuild(whose, JSON.stringify(titles), () => titles.map((title, i) => {
      const box = button("", undefined, { whose: i });
      tone(box, `--arm-${tones[i]}`);
      box.append(make("i"), title);
      attr(box, "role", "radio");
      return box;
    }));
    for (const box of all("[data-whose]", whose)) {
      const on = Number(box.dataset.whose) === this.own;
      attr(box, "aria-checked", on);
      box.tabIndex = on ? 0 : -1;
    }
    this.$(".ev-with").hidden = !others.length;
    rebuild(this.with, JSON.stringify([this.own, titles]), () => others.map(({ title, i }) => new Option(title, String(i))));
    this.with.value = String(this.beside);
    const rows = (found.failing[this.own] ?? []).slice(0, ASKED), asked = this.$(".ev-asked");
    asked.hidden = !rows.length;
    rebuild(find("table", asked), JSON.stringify([rows, this.own, this.beside]), () =>
      failingNodes(rows, titles, this.own, this.beside));
    const press = "Press a question to see its failures alone. Brackets and bars are 95 % intervals.";
    put(find(".table-note", asked), `${found.foot} ${press}`);
    for (const box of all("[data-question]", asked)) attr(box, "aria-pressed", box.dataset.question === this.question);
    this.$(".ev-filter").hidden = !this.question;
    put(this.$(".ev-filter span"), `Samples in which the answer to “${this.question}” is no.`);
    void this.drawWall(run, titles, tones);
  }

  /**
   * @param {string} run
   * @param {string[]} titles
   * @param {string[]} tones
   */
  async drawWall(run, titles, tones) {
    const { own, beside, question, count } = this, box = this.$(".ev-wall");
    const key = JSON.stringify([run, own, beside, question, count]);
    if (box.dataset.asked === key) return;
    box.dataset.asked = key;
    const mine = ++this.newest, end = this.$(".ev-end span");
    /** @type {(import("./wall.js").Wall & { problem?: string }) | null} */
    const wall = await this.host.server.wall({ run, candidate: own, beside, question, count })
      .then((found) => /** @type {any} */ (found), () => null);
    if (mine !== this.newest) return;
    if (!wall || wall.problem) {
      delete box.dataset.asked;
      put(end, wall?.problem ?? "The server did not answer; is the studio still running?");
      return;
    }
    box.replaceChildren(...wallNodes(run, wall, { titles, tones, own, beside }));
    put(end, wall.total ? `${wall.samples.length} of ${plural(wall.total, "sample")}, the worst first.` : "No sample fails it.");
    this.$(".ev-next").hidden = wall.samples.length >= wall.total;
  }

  // -- what a person does

  /** @param {{ own?: number, beside?: number, question?: string, count?: number }} asked */
  show(asked) {
    Object.assign(this, { count: PAGE }, asked);
    if (this.own === this.beside) this.beside = this.own ? 0 : Math.min(1, (this.view?.titles.length ?? 1) - 1);
    if (this.view?.found) this.drawFailures(this.view, this.view.found);
  }

  /** @param {MouseEvent} event */
  pressed(event) {
    const whose = at(event, "[data-whose]"), question = at(event, "[data-question]")?.dataset.question;
    if (whose) this.show({ own: Number(whose.dataset.whose), question: "" });
    if (question !== undefined) this.show({ question: question === this.question ? "" : question });
    if (at(event, ".ev-all")) this.show({ question: "" });
    if (at(event, ".ev-next")) this.show({ count: this.count + PAGE });
  }

  /**
   * Arrow keys choose, as in a group of radio buttons.
   * @param {KeyboardEvent} event
   */
  walk(event) {
    const by = inList(event.key), boxes = all("[data-whose]", this.element);
    const index = boxes.findIndex((box) => box === document.activeElement);
    if (!by || index < 0) return;
    event.preventDefault();
    const next = around(index, by, boxes.length);
    this.show({ own: next, question: "" });
    boxes[next].focus();
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Board(host);
