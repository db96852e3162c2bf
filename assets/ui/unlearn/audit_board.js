// An audit as it goes on: attack by attack, then the verdict, failures first, with pictures of the attack that is looked at.
// value = AuditView.board(), or {run: null}. Triggers "details", and "open" with {run}. Hears "audit-open" and
// "audit-asked"; tells "audit-returned" with the form of the run that is shown.
import { remember } from "../kit/address.js";
import { Asked } from "../kit/asked.js";
import { all, at, attr, file, make, put, rebuild } from "../kit/dom.js";
import { drawFigure, followTheme, plotDrawing } from "../kit/figure.js";
import { done, unbroken } from "../kit/numbers.js";
import { Part, tell } from "../kit/part.js";
import { PLAIN, PLOTS, SaveBar } from "../kit/save.js";
import { attackNodes, drawn, pictureNodes, quoteNodes, rowNodes } from "./audit_table.js";

/** @typedef {import("./audit_table.js").Attacked} Attacked */
/**
 * @typedef {object} View
 * @property {string} run
 * @property {string} title
 * @property {string} state
 * @property {boolean} live
 * @property {{ word: string, text: string }} status
 * @property {{ done: number, total: number } | null} progress
 * @property {string[]} notices
 * @property {string} verdict
 * @property {string[]} heads
 * @property {Attacked[]} rows
 * @property {import("./audit_table.js").Waiting[]} waiting
 * @property {{ title: string, why: string }[]} left_out
 * @property {string} note
 * @property {string} report name of the file, "" before it is there
 * @property {import("./audit.js").Form} asked the form it came from
 */
/** @typedef {View | import("../kit/asked.js").Bare<View["asked"]>} Value */

/** @extends {Part<Value>} */
class AuditBoard extends Part {
  /** @type {View | null} */
  view = null;
  /** @type {Asked<View["asked"]>} */
  asked = new Asked();
  /** @type {View["asked"] | null} */
  given = null; // by a file, for a form that comes later
  chosen = ""; // the attack that is looked at; "" is the first

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.$(".p-details").addEventListener("click", () => this.trigger("details", {}));
    this.on("click", (event) => {
      const line = at(event, ".a-table tbody tr"), pick = at(event, ".a-pick") ?? line?.querySelector(".a-pick");
      if (!(pick instanceof HTMLElement)) return;
      this.chosen = pick.dataset.attack ?? "";
      this.drawOne();
    });
    this.hear("audit-open", (/** @type {{ run: string }} */ asked) => {
      this.view = null; // the form becomes that of the run
      this.trigger("open", asked);
    });
    this.hear("audit-asked", () => { // by a form that came later
      const asked = this.view?.asked ?? this.given;
      if (asked) tell("audit-returned", asked);
    });
    this.saves = new SaveBar(this.$(".b-save"), host.server.save_as, () => this.toSave(), [...PLAIN, ...PLOTS]);
    this.follow(() => this.draw());
    followTheme(this.element, () => void this.drawCurve());
  }

  get one() {
    const rows = this.view?.rows ?? [];
    return rows.find((row) => row.attack === this.chosen) ?? rows[0];
  }

  /** @returns {import("../kit/save.js").Result} */
  toSave() {
    const { view, one } = this, title = one && view ? `${view.title}: ${one.title}` : "";
    const picture = () => drawn(title, this.$(".a-shown"));
    return { name: view && !view.live && one ? `audit-${view.run}` : "", part: one?.attack, wish: { run: view?.run }, picture,
      plot: () => (one?.curve ? plotDrawing(this.$(".a-curve .plot")) : Promise.resolve(null)) };
  }

  draw() {
    const value = this.value, view = value?.run ? /** @type {View} */ (value) : null, before = this.view;
    const given = this.asked.of(value);
    this.view = view;
    this.$(".board").dataset.state = view ? view.state : "empty";
    this.given = view ? null : given ?? this.given;
    if (given) tell("audit-returned", given);
    if (!view) {
      if (before) remember("audit", "");
      return;
    }
    if (view.run !== before?.run) {
      this.chosen = "";
      remember("audit", view.run);
      tell("audit-returned", view.asked);
      if (view.live) this.$(".board").scrollIntoView({ block: "nearest" });
    }
    put(this.$(".b-chip"), view.status.word);
    put(this.$(".b-text"), view.status.text);
    const percent = done(view.state, view.progress), report = this.$(".a-report", HTMLAnchorElement);
    this.$(".b-bar i").style.width = `${percent}%`;
    attr(this.$(".b-bar"), "aria-valuenow", Math.round(percent));
    put(this.$(".a-title"), view.title);
    this.$(".a-verdict").hidden = !view.verdict;
    put(this.$(".a-verdict"), unbroken(view.verdict));
    report.hidden = !view.report;
    if (view.report) report.href = file(view.run, view.report);
    rebuild(this.$(".b-notices"), JSON.stringify(view.notices), () => view.notices.map((text) => make("li", "", text)));
    this.drawAll(view);
    this.drawOne();
    this.saves.draw();
  }

  /** @param {View} view */
  drawAll({ heads, rows, waiting, left_out, note }) {
    this.$(".a-all-attacks").hidden = !rows.length && !waiting.length;
    const key = JSON.stringify([heads, rows.map((row) => [row.attack, row.outcome]), waiting]);
    rebuild(this.$(".a-table"), key, () => attackNodes(heads, rows, waiting));
    rebuild(this.$(".a-left"), JSON.stringify(left_out), () => left_out.map(({ title, why }) =>
      make("li", "", `${title} is left out: ${why}`)));
    put(this.$(".a-note"), unbroken(note));
  }

  drawOne() {
    const { view, one } = this;
    this.$(".a-one").hidden = !one;
    if (!view || !one) return;
    for (const pick of all(".a-pick", this.element)) {
      attr(pick, "aria-pressed", pick.dataset.attack === one.attack);
      pick.closest("tr")?.classList.toggle("on", pick.dataset.attack === one.attack);
    }
    put(this.$(".a-one-title"), one.title);
    put(this.$(".a-spent"), `Pictures of “${one.what}”, those that show it first and marked. ${one.spent}.`);
    const key = `${view.run} ${one.attack}`;
    rebuild(this.$(".a-shown"), key, () => pictureNodes(view.run, one.pictures));
    rebuild(this.$(".a-rows"), key, () => rowNodes(view.heads, one));
    rebuild(this.$(".a-quotes"), key, () => quoteNodes(one.quotes));
    this.$(".a-curve").hidden = !one.curve;
    put(this.$(".a-reached"), one.reached);
    void this.drawCurve();
  }

  async drawCurve() {
    const curve = this.one?.curve;
    if (curve) await drawFigure(this.$(".a-curve .plot"), curve, () => this.one?.curve);
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new AuditBoard(host);
