// The jobs panel: a list of background runs and one of them in detail, patched in place. Triggers "choose", "act", "compare",
// "evaluate", "open" and "duplicate".
import { all, at, attr, button, find, make, put } from "../kit/dom.js";
import { Drawer } from "../kit/drawer.js";
import { shows } from "../kit/ended.js";
import { followTheme, plotDrawing } from "../kit/figure.js";
import { Part, tell } from "../kit/part.js";
import { PLOTS, SaveBar } from "../kit/save.js";
import { keep, kept } from "../kit/storage.js";
import { wish } from "../kit/wish.js";
import { answers, listOf } from "./choice.js";
import { Figures } from "./figures.js";
import { mountNotify } from "./notify.js";
import { drawBeliefs, drawStrips } from "./pictures.js";
import { drawActions, drawFacts, drawLists, drawPicks, drawResponse, drawSigns } from "./tables.js";

/** @typedef {import("./types.js").Detail} Detail */
/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./types.js").Value} Value */

/** @type {Record<string, string>} */
const AGAIN = { delete: "Delete for good?" }; // what cannot be undone is asked twice
const ELSEWHERE = ["compare", "evaluate", "open", "duplicate"]; // go on in a tab
const AGAIN_MS = 4000;
const UNDER_WAY = ["loading", "running", "queued", "paused"];

/** @param {Job} job */
function listItem(job) {
  const item = button("j-item", undefined, { run: job.id });
  attr(item, "role", "option");
  item.append(make("b"), make("span", "j-chip"), make("small"), make("i", "j-mini"));
  return item;
}

/** @extends {Part<Value>} */
class JobsPanel extends Part {
  /** @type {Value | null} */
  view = null;
  focused = ""; // the run it was opened on last
  wanted = "first"; // the run that somebody chose
  /** @type {import("./types.js").Picked} */
  picked = { run: "", step: null };
  /** @type {{ button: HTMLElement, words: string, timer: ReturnType<typeof setTimeout> } | null} */
  armed = null;

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.drawer = new Drawer(this.$(".j-panel"), ".jobs-open", () => this.closed());
    this.figures = new Figures(this.element, () => this.view?.detail);
    this.saves = all(".j-save", this.element).map((box) => this.saveBar(box, box.dataset.of));
    this.on("click", (event) => this.click(event));
    this.on("input", (event) => this.look(event));
    this.on("keydown", (event) => this.keydown(event));
    mountNotify(this.$(".j-notify"), this.$(".j-notify-said"));
    this.hear("studio:open-run", () => (this.focused = "")); // it may be the one the panel was opened on last
    this.hear("studio:jobs-hello", () => this.report());
    this.hear("studio:jobs-toggle", () => this.open(this.focused || "first"));
    // Something was started elsewhere: an open panel looks again, which sets its timer going.
    this.hear("studio:jobs-active", () => {
      if (this.drawer.isOpen && !this.view?.counts.active) this.trigger("choose", { run: this.view?.chosen || "first" });
    });
    const before = kept("jobs");
    if (before) { // a reload finds the panel as it was; the page's first look fills it
      this.wanted = before;
      this.drawer.open();
    }
    this.follow(() => this.draw());
    followTheme(this.element, () => {
      if (this.view?.detail && this.drawer.isOpen) void this.figures.draw();
    });
    this.report();
  }

  /**
   * What can be saved of the run: all of it, or one of its plots.
   * @param {HTMLElement} box
   * @param {string | undefined} figure
   */
  saveBar(box, figure) {
    return new SaveBar(box, this.host.server.save_as, () => {
      const detail = this.view?.detail, named = detail && !detail.problem &&
        (!figure || detail.figures[/** @type {"loss" | "measures"} */ (figure)]);
      return { name: named ? [detail.run, figure].filter(Boolean).join("-") : "", wish: { run: detail?.run },
        picture: () => Promise.resolve(null), plot: () => plotDrawing(this.$(`.plot[data-figure=${figure}]`)) };
    }, figure ? PLOTS : ["json", "yaml"]);
  }

  /** Tells the header whether the panel is open and what it counts. */
  report() {
    tell("studio:jobs", { open: this.drawer.isOpen, counts: this.view?.counts });
  }

  /** @param {string} run */
  open(run) {
    this.drawer.open();
    this.wanted = run;
    this.trigger("choose", { run });
    this.report();
  }

  closed() {
    this.wanted = "first";
    this.trigger("choose", { run: "" });
    keep("jobs", "");
    this.report();
  }

  draw() {
    const value = this.value;
    if (!value) return;
    if (value.focus && value.focus !== this.focused) {
      this.focused = this.wanted = value.focus;
      this.drawer.open();
    }
    const isAnswer = !this.drawer.isOpen || answers(value, this.wanted);
    const view = this.view = isAnswer ? value : listOf(value, this.wanted, this.view);
    if (isAnswer && value.chosen) this.wanted = value.chosen;
    put(this.$(".j-sum"), view.counts.text || (view.jobs.length ? "nothing is running" : ""));
    const problem = view.problem ?? view.detail?.problem ?? "";
    this.$(".j-problem").hidden = !problem;
    put(this.$(".j-problem"), problem);
    this.$(".j-down").hidden = !view.downloads.active;
    put(this.$(".j-down span"), `Downloads of models: ${view.downloads.text}.`);
    this.$(".j-none").hidden = view.jobs.length > 0;
    this.$(".j-body").hidden = !view.jobs.length;
    if (this.drawer.isOpen) {
      keep("jobs", view.chosen || "first");
      this.drawList(view);
      this.drawRun(view.detail);
    }
    this.report();
  }

  /** @param {Value} view */
  drawList(view) {
    const list = this.$(".j-list"), ids = view.jobs.map((job) => job.id).join();
    if (list.dataset.ids !== ids) {
      list.dataset.ids = ids;
      const held = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.run : "";
      const items = view.jobs.map(listItem);
      list.replaceChildren(...items);
      if (held) items.find((item) => item.dataset.run === held)?.focus();
    }
    view.jobs.forEach((job, i) => {
      const item = list.children[i], chip = find(".j-chip", item), bar = find(".j-mini", item);
      put(find("b", item), job.title);
      put(chip, job.state);
      chip.dataset.state = job.state;
      put(find("small", item), [job.text, job.when].filter(Boolean).join(" · "));
      bar.style.setProperty("--done", `${job.percent}%`);
      bar.hidden = !UNDER_WAY.includes(job.state);
      attr(item, "aria-selected", job.id === view.chosen);
    });
  }

  /** @param {Detail | null} detail */
  drawRun(detail) {
    const article = this.$(".j-run"), { element } = this;
    article.hidden = !detail || Boolean(detail.problem);
    if (!detail || detail.problem) return;
    if (article.dataset.run !== detail.run) this.figures.forget();
    article.dataset.run = detail.run;
    this.drawState(detail);
    drawActions(element, detail);
    drawFacts(element, detail);
    drawSigns(element, detail);
    this.$(".j-plots").hidden = !detail.teaches && !detail.figures.loss;
    put(this.$(".j-plots .j-caution"), detail.warning || "The objective's own loss, raw and smoothed.");
    const where = `Measured on fixed prompts and seeds; the dotted line is the teacher${detail.few}.`;
    put(this.$(".j-caution-2"), detail.measuring ? where : "");
    const wait = detail.measuring ? "Figures appear at the first measurement." : "This run is not measured on the way.";
    put(this.$(".j-measure-wait"), wait);
    if (this.picked.run !== detail.run) this.picked = { run: detail.run, step: null };
    drawStrips(element, detail, this.picked.step);
    drawBeliefs(element, detail, this.picked.step);
    drawResponse(element, detail);
    drawPicks(element, detail);
    this.figures.drawNumbers(detail.numbers);
    void this.figures.draw();
    for (const bar of this.saves) bar.draw();
    drawLists(element, detail);
  }

  /** @param {Detail} detail */
  drawState(detail) {
    const chip = this.$(".j-title .j-chip"), bar = this.$(".j-bar");
    put(this.$(".j-title h3"), detail.title);
    put(chip, detail.state);
    chip.dataset.state = detail.state;
    shows(detail.run, detail.state);
    put(this.$(".j-text"), detail.text);
    find("i", bar).style.width = `${detail.percent}%`;
    attr(bar, "aria-valuenow", Math.round(detail.percent));
    bar.hidden = detail.state === "done";
  }

  // -- what a person does

  disarm() {
    clearTimeout(this.armed?.timer);
    if (this.armed) this.armed.button.textContent = this.armed.words;
    this.armed = null;
  }

  /** @param {MouseEvent} event */
  click(event) {
    const item = at(event, ".j-item");
    if (item?.dataset.run) {
      this.wanted = item.dataset.run;
      return this.trigger("choose", { run: this.wanted });
    }
    if (at(event, ".j-down button")) {
      this.drawer.close();
      return find("button[role=tab][data-tab-id=models]", document).click();
    }
    const pushed = at(event, "[data-action]"), action = pushed?.dataset.action, run = this.view?.detail?.run;
    if (!pushed || !action) return this.disarm();
    const armed = this.armed?.button === pushed;
    this.disarm();
    if (AGAIN[action] && !armed) {
      this.armed = { button: pushed, words: pushed.textContent ?? "", timer: setTimeout(() => this.disarm(), AGAIN_MS) };
      pushed.textContent = AGAIN[action];
    } else if (ELSEWHERE.includes(action)) {
      const student = this.view?.detail?.student;
      if (action === "evaluate" && student) wish("evaluate", JSON.stringify(
        ["", "teacher", "hybrid-1"].map((arm) => ({ model: student, arm, adapters: [] }))));
      this.trigger(action, { run });
      this.drawer.close();
    } else if (action === "pick") this.trigger("act", { run, action, step: Number(pushed.dataset.step) });
    else this.trigger("act", { run, action });
  }

  /**
   * Strips and beliefs show the training step at which a slider stands.
   * @param {Event} event
   */
  look(event) {
    const range = at(event, ".j-time input"), detail = this.view?.detail;
    if (!(range instanceof HTMLInputElement) || !detail) return;
    const steps = JSON.parse(range.dataset.steps ?? "[]");
    this.picked.step = range.value === range.max ? null : steps[Number(range.value)];
    drawStrips(this.element, detail, this.picked.step);
    drawBeliefs(this.element, detail, this.picked.step);
  }

  /** @param {KeyboardEvent} event */
  keydown(event) {
    const item = at(event, ".j-item");
    const next = { ArrowUp: item?.previousElementSibling, ArrowDown: item?.nextElementSibling }[event.key];
    if (!(next instanceof HTMLElement)) return;
    event.preventDefault();
    next.focus();
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new JobsPanel(host);
