// An unlearning as it goes on: before and after, what it came to, what is left of each thing, and where the concept went.
// value = UnlearnView.board(), or {run: null}. Triggers "details", "evaluate", "open" with {run}, and "trial" with {adapter,
// base, prompt, mix}. Hears "unlearn-open"; tells "unlearn-returned" after the form is that of a run again, "unlearn-audit"
// with {adapter}.
import { remember } from "../kit/address.js";
import { Asked } from "../kit/asked.js";
import { all, at, attr, button, find, make, put, rebuild, tone } from "../kit/dom.js";
import { inList } from "../kit/keys.js";
import { around, done, unbroken } from "../kit/numbers.js";
import { Part, tell } from "../kit/part.js";
import { SaveBar } from "../kit/save.js";
import { drawnGrid } from "../kit/strip.js";
import { StripWall } from "../kit/strip_wall.js";
import { wish, withAndWithout } from "../kit/wish.js";
import { returnTo } from "./form.js";
import { matrixNodes, wentNodes } from "./matrix.js";
import { wallNodes } from "./wall.js";

/** @typedef {{ title: string, tone?: string, cells: [value: string, interval: string][] }} Row */
/** @typedef {{ heads: string[], rows: Row[], note: string }} Table */
/** @typedef {{ title: string, matrix: import("./matrix.js").MatrixPart[], went: import("./matrix.js").Went[] }} ArmParts */
/**
 * @typedef {object} View
 * @property {string} run
 * @property {string} title
 * @property {string} state
 * @property {boolean} live
 * @property {{ word: string, text: string }} status
 * @property {{ done: number, total: number } | null} progress
 * @property {string[]} notices
 * @property {import("../kit/strip.js").Strips | null} strips
 * @property {string[]} said
 * @property {import("./wall.js").Wall | null} wall
 * @property {Table | null} arms
 * @property {Table | null} steps
 * @property {{ rule: string, arms: ArmParts[] } | null} parts
 * @property {{ adapter: string, base: string, prompt: string, mix: string } | null} trial
 * @property {import("./form.js").Form} asked the form it came from
 */
/** @typedef {View | import("../kit/asked.js").Bare<View["asked"]>} Value */

/** @param {Table} table */
function tableNodes({ heads, rows }) {
  const head = make("thead"), body = make("tbody"), top = make("tr");
  top.append(...heads.map((text) => Object.assign(make("th", "", text), { scope: "col" })));
  head.append(top);
  body.append(...rows.map((row) => {
    const tr = make("tr"), name = Object.assign(make("th"), { scope: "row" });
    if (row.tone) {
      tone(name, `--arm-${row.tone}`);
      name.append(make("i"));
    }
    name.append(row.title);
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
class Board extends Part {
  /** @type {View | null} */
  view = null;
  /** @type {Asked<View["asked"]>} */
  asked = new Asked();
  arm = 0; // whose matrix is shown

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.wall = new StripWall(this.$(".p-strips"));
    this.$(".p-details").addEventListener("click", () => this.trigger("details", {}));
    this.$(".p-try").addEventListener("click", () => {
      if (!this.view?.trial) return;
      wish("worn", this.view.trial.adapter);
      this.trigger("trial", this.view.trial);
    });
    this.$(".u-audit").addEventListener("click", () => {
      if (this.view?.trial) tell("unlearn-audit", { adapter: this.view.trial.adapter });
    });
    this.$(".p-evaluate").addEventListener("click", () => {
      if (!this.view?.trial) return;
      wish("evaluate", withAndWithout(this.view.trial));
      this.trigger("evaluate", {});
    });
    this.on("click", (event) => {
      const arm = at(event, "[data-arm]");
      if (arm) this.show(Number(arm.dataset.arm));
    });
    this.on("keydown", (event) => this.walk(event));
    this.hear("unlearn-open", (/** @type {{ run: string }} */ asked) => {
      this.view = null; // the form becomes that of the run
      this.trigger("open", asked);
    });
    this.saves = new SaveBar(this.$(".b-save"), host.server.save_as, () => this.toSave());
    this.follow(() => this.draw());
  }

  /** @returns {import("../kit/save.js").Result} */
  toSave() {
    const view = this.view, strips = view?.strips ?? null;
    /** @returns {Promise<Blob | null>} */
    const picture = async () =>
      view && strips ? await drawnGrid(strips, this.wall.shown, view.run, view.title, this.element) : null;
    return { name: view && !view.live && (strips || view.arms) ? `unlearn-${view.run}` : "", wish: { run: view?.run }, picture };
  }

  draw() {
    const value = this.value, view = value?.run ? /** @type {View} */ (value) : null, another = view?.run !== this.view?.run;
    const given = this.asked.of(value) ?? (view && !this.view ? view.asked : null);
    if (given) { // a file; or a run after a reload, while one that was just started has the form as it is
      returnTo(given);
      tell("unlearn-returned");
    }
    this.view = view;
    this.$(".board").dataset.state = view ? view.state : "empty";
    if (!view) return;
    if (another) {
      this.arm = 0;
      remember("unlearn", view.run);
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
    this.$(".u-next").hidden = !view.trial;
    this.drawWall(view);
    this.wall.draw(view.run, view.strips, view.live);
    this.drawTable(this.$(".u-arms"), view.arms);
    this.drawTable(this.$(".u-steps"), view.steps);
    this.drawParts(view);
    this.saves.draw();
  }

  /** @param {View} view */
  drawWall({ run, wall }) {
    const box = this.$(".u-wall");
    this.$(".u-way").hidden = box.hidden = !wall;
    if (!wall) return;
    rebuild(find(".u-blocks", box), `${run} ${wall.step}`, () => wallNodes(run, wall));
    put(find(".table-note", box), wall.note);
  }

  /**
   * @param {HTMLElement} box
   * @param {Table | null} table
   */
  drawTable(box, table) {
    box.hidden = !table;
    if (!table) return;
    rebuild(find("table", box), JSON.stringify(table.rows), () => tableNodes(table));
    put(find(".table-note", box), table.note);
  }

  /** @param {View} view */
  drawParts({ parts }) {
    this.$(".u-parts").hidden = !parts;
    if (!parts) return;
    const shown = parts.arms[this.arm] ?? parts.arms[0], pick = this.$(".u-pick");
    pick.hidden = parts.arms.length < 2;
    rebuild(pick, JSON.stringify(parts.arms.map((one) => one.title)), () => parts.arms.map((one, i) => {
      const box = button("", one.title, { arm: i });
      attr(box, "role", "radio");
      return box;
    }));
    for (const box of all("[data-arm]", pick)) {
      const on = Number(box.dataset.arm) === parts.arms.indexOf(shown);
      attr(box, "aria-checked", on);
      box.tabIndex = on ? 0 : -1;
    }
    rebuild(this.$(".u-table"), JSON.stringify(shown.matrix), () => matrixNodes(shown.matrix));
    put(this.$(".u-rule"), unbroken(parts.rule));
    this.$(".u-went").hidden = !shown.went.length;
    rebuild(this.$(".u-bars"), JSON.stringify(shown.went), () => wentNodes(shown.went));
  }

  /** @param {number} arm */
  show(arm) {
    this.arm = arm;
    if (this.view) this.drawParts(this.view);
  }

  /**
   * Arrow keys choose, as in a group of radio buttons.
   * @param {KeyboardEvent} event
   */
  walk(event) {
    const by = inList(event.key), boxes = all("[data-arm]", this.element);
    const index = boxes.findIndex((box) => box === document.activeElement);
    if (!by || index < 0) return;
    event.preventDefault();
    const next = around(index, by, boxes.length);
    this.show(next);
    boxes[next].focus();
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Board(host);
