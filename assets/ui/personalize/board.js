// A personalization as it goes on: pictures over its steps, figures, and what it came to. value = PersonalView.board(), or
// {run: null}. Triggers "details", "evaluate", "pick" with {step}, and "trial" with {adapter, word, base, prompt, mix}.
import { remember } from "../kit/address.js";
import { Asked } from "../kit/asked.js";
import { at, attr, button, file, find, make, put, rebuild, tone } from "../kit/dom.js";
import { done, unbroken } from "../kit/numbers.js";
import { Part, tell } from "../kit/part.js";
import { SaveBar } from "../kit/save.js";
import { wish, withAndWithout } from "../kit/wish.js";
import { form } from "./form.js";
import { veil } from "./masks.js";
import { cut, drawnGrid, placeIn } from "../kit/strip.js";

/** @typedef {import("../kit/strip.js").Strips} Strips */
/** @typedef {{ steps: number[], worn: number | null, may: boolean }} Picks of which steps the adapter was kept */
/** @typedef {{ title: string, tone?: string, step?: number, cells: [value: string, interval: string][] }} Row */
/** @typedef {{ heads: string[], rows: Row[], note: string }} Table */
/**
 * @typedef {object} View
 * @property {string} run
 * @property {string} title
 * @property {string} state
 * @property {boolean} live
 * @property {{ word: string, text: string }} status
 * @property {{ done: number, total: number } | null} progress
 * @property {string[]} notices
 * @property {Strips | null} strips
 * @property {Table | null} steps
 * @property {Table | null} arms
 * @property {Picks} picks
 * @property {number} [back] when somebody came back to it: the form is filled then
 * @property {string[]} said
 * @property {string[]} reader
 * @property {object} asked the form it came from
 * @property {Table | null} edits
 * @property {string} grid_note
 * @property {{ adapter: string, word: string, base: string, prompt: string, mix: string } | null} trial
 */
/** @typedef {View | import("../kit/asked.js").Bare<View["asked"]>} Value */
/** @typedef {{ called: string, form: object, returned: string }} Half called: in names of saved files. returned: what is told. */

/**
 * What stands behind a row of a step: a button that makes the adapter what it was there.
 * @param {number | undefined} step
 * @param {Picks | null} picks
 */
function pickOf(step, picks) {
  if (step === undefined || !picks?.steps.includes(step)) return [];
  if (step === picks.worn) return [" ", make("small", "", "listed now")];
  return picks.may ? [" ", button("tool p-pick", "Use this one", { step: String(step) })] : [];
}

/**
 * @param {Table} table
 * @param {Picks | null} picks
 */
function tableNodes({ heads, rows }, picks) {
  const head = make("thead"), body = make("tbody"), line = make("tr");
  line.append(...heads.map((text) => Object.assign(make("th", "", text), { scope: "col" })));
  head.append(line);
  body.append(...rows.map((row) => {
    const tr = make("tr"), name = Object.assign(make("th"), { scope: "row" });
    if (row.tone) {
      tone(name, `--arm-${row.tone}`);
      name.append(make("i"));
    }
    name.append(row.title, ...pickOf(row.step, picks));
    tr.append(name, ...row.cells.map(([value, reach], i) => {
      const cell = make("td");
      cell.dataset.label = heads[i + 1];
      cell.append(make("b", "", value), ...(reach ? [" ", make("small", "", reach)] : []));
      return cell;
    }));
    return tr;
  }));
  return [head, body];
}

/** @extends {Part<Value>} */
export class Board extends Part {
  /** @type {View | null} */
  view = null;
  /** @type {Asked<View["asked"]>} */
  asked = new Asked();
  /** @type {number | null} */
  step = null; // of the pictures; null follows the newest
  /** @type {number | undefined} */
  back = undefined;

  /**
   * @param {import("../kit/part.js").Host<Value>} host
   * @param {Half} half
   */
  constructor(host, half) {
    super(host);
    this.half = half;
    this.range = this.$(".p-time input", HTMLInputElement);
    this.range.addEventListener("input", () => {
      const steps = this.view?.strips?.steps ?? [], at = Number(this.range.value);
      this.step = at >= steps.length - 1 ? null : steps[at].step;
      this.drawStrips();
    });
    this.$(".p-details").addEventListener("click", () => this.trigger("details", {}));
    this.$(".p-evaluate").addEventListener("click", () => {
      if (!this.view?.trial) return;
      wish("evaluate", withAndWithout(this.view.trial));
      this.trigger("evaluate", {});
    });
    this.$(".p-try").addEventListener("click", () => {
      if (!this.view?.trial) return;
      if (!this.view.trial.mix) wish("worn", this.view.trial.adapter);
      this.trigger("trial", this.view.trial);
    });
    this.on("click", (event) => {
      const pick = at(event, ".p-pick");
      if (pick) this.trigger("pick", { step: Number(pick.dataset.step) });
    });
    this.saves = new SaveBar(this.$(".b-save"), host.server.save_as, () => this.toSave());
    this.follow(() => this.draw());
  }

  /** @returns {import("../kit/save.js").Result} */
  toSave() {
    const view = this.view, strips = view?.strips ?? null, told = strips || view?.steps || view?.edits;
    return { name: view && !view.live && told ? `${this.half.called}-${view.run}` : "", wish: { run: view?.run },
      picture: () => (view && strips ? this.picture(view, strips) : Promise.resolve(null)) };
  }

  /**
   * @param {View} view
   * @param {Strips} strips
   */
  picture(view, strips) {
    return drawnGrid(strips, this.shownStep(strips), view.run, view.title, this.element);
  }

  draw() {
    const value = this.value, view = value?.run ? value : null, another = view?.run !== this.view?.run;
    // after a reload, or from Recent runs; a run that was just started has the form as it is
    const back = view && (!this.view || (view.back !== undefined && view.back !== this.back));
    this.back = view?.back;
    this.view = view;
    const given = this.asked.of(value) ?? (back ? view.asked : null);
    if (given) { // the form goes back to what the run was asked for, or to what a file asks for
      Object.assign(this.half.form, given, { name: "" });
      tell(this.half.returned);
    }
    this.$(".board").dataset.state = view ? view.state : "empty";
    if (!view) return;
    if (another) {
      this.step = null;
      remember("personalize", view.run);
    }
    put(this.$(".b-chip"), view.status.word);
    put(this.$(".b-text"), view.status.text);
    const percent = done(view.state, view.progress);
    this.$(".b-bar i").style.width = `${percent}%`;
    attr(this.$(".b-bar"), "aria-valuenow", Math.round(percent));
    put(this.$(".b-headline"), view.title);
    rebuild(this.$(".b-notices"), JSON.stringify(view.notices), () => view.notices.map((text) => make("li", "", text)));
    this.$(".p-came").hidden = !view.said.length;
    rebuild(this.$(".p-said"), JSON.stringify(view.said), () => view.said.map((text) => make("li", "", unbroken(text))));
    put(this.$(".p-reader"), view.reader.map(unbroken).join(" "));
    this.$(".p-try").hidden = !view.trial;
    this.$(".p-evaluate").hidden = !view.trial || Boolean(view.trial.mix); // what is mixed in is worn nowhere else
    put(this.$(".p-try"), view.trial?.mix ? "Try it in Compare" : "Try it in Control");
    put(this.$(".p-grid-note"), view.grid_note);
    this.drawTable(this.$(".p-arms"), view.arms, null);
    this.drawTable(this.$(".p-steps-table"), view.steps, view.picks);
    this.saves.draw();
    this.drawStrips();
  }

  /**
   * @param {HTMLElement} box
   * @param {Table | null} table
   * @param {Picks | null} picks
   */
  drawTable(box, table, picks) {
    box.hidden = !table;
    if (!table) return;
    rebuild(find("table", box), JSON.stringify([table.rows, picks]), () => tableNodes(table, picks));
    put(find(".table-note", box), table.note);
  }

  /** @param {Strips} strips */
  shownStep(strips) {
    return strips.steps.findLast((one) => this.step === null || one.step <= this.step) ?? strips.steps[0];
  }

  drawStrips() {
    const view = this.view, strips = view?.strips ?? null, wait = this.$(".p-strip-wait");
    wait.hidden = Boolean(strips);
    this.$(".p-grid-note").hidden = !strips;
    if (view && !view.live && !strips) put(wait, "This run drew no pictures.");
    this.$(".p-time").hidden = !strips || strips.steps.length < 2;
    if (!view || !strips) return rebuild(this.$(".p-grid"), "", () => []);
    const grid = this.$(".p-grid"), { rows, columns, seeds, prompts } = strips;
    grid.style.setProperty("--n", String(seeds.length * columns.length));
    rebuild(grid, JSON.stringify([view.run, rows, columns, seeds, prompts]), () => cut(strips));
    const shown = this.shownStep(strips), source = file(view.run, shown.strip);
    this.range.max = String(strips.steps.length - 1);
    this.range.value = String(strips.steps.indexOf(shown));
    put(this.$(".p-time output"), `step ${shown.step.toLocaleString("en")}`);
    if (grid.dataset.source === source) return;
    grid.dataset.source = source;
    const next = new Image();
    next.onload = () => {
      if (grid.dataset.source !== source) return;
      grid.style.setProperty("--strip", `url("${next.src}")`);
      grid.dataset.step = String(shown.step);
      placeIn(grid, strips);
    };
    next.src = source;
  }
}

/**
 * A picture of a subject, and its mask, which is shown while the figure is covered.
 * @param {string} src
 * @param {string} mask "" for none
 */
function sample(src, mask) {
  const place = make("div", "p-shot");
  place.append(Object.assign(new Image(), { src, alt: "" }));
  if (mask) place.append(veil(mask));
  return place;
}

class SubjectBoard extends Board {
  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host, { called: "personalize", form, returned: "personal-returned" });
    this.hear("personal-picked", (/** @type {import("./shelf.js").Card} */ card) => {
      this.$(".p-sample").hidden = false;
      rebuild(this.$(".p-sample div"), card.id, () => card.thumbs.map((src, i) => sample(src, card.masks[i])));
      this.$(".p-sample .p-masks").hidden = !card.masked;
      put(this.$(".p-sample figcaption"), `${card.title}: ${card.about}. Prompts call it ${card.word}.`);
    });
    this.$(".p-sample .p-masks").addEventListener("click", () => {
      attr(this.$(".p-sample .p-masks"), "aria-pressed", this.$(".p-sample").classList.toggle("p-covered"));
    });
    tell("personal-asked");
  }

  /** @override */
  draw() {
    super.draw();
    if (this.view) this.drawTable(this.$(".p-edits"), this.view.edits, null);
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new SubjectBoard(host);
