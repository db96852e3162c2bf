// Where the open study is, and what can be asked of it. value = Studies.line(). Triggers "act" with {run, action}.
import { hasArrived, remember } from "../kit/address.js";
import { at, attr, button, put } from "../kit/dom.js";
import { Part } from "../kit/part.js";

/**
 * @typedef {object} Line
 * @property {string} [run]
 * @property {string} [title]
 * @property {string} [state]
 * @property {string} [text]
 * @property {number} [percent]
 * @property {[action: string, words: string][]} [actions]
 * @property {string} [note]
 * @property {string} [problem]
 */

/** @extends {Part<Line>} */
class StudyLine extends Part {
  /** @param {import("../kit/part.js").Host<Line>} host */
  constructor(host) {
    super(host);
    this.on("click", (event) => {
      const action = at(event, "[data-action]")?.dataset.action;
      if (action) this.trigger("act", { run: this.value?.run, action });
    });
    this.follow(() => this.draw());
    new ResizeObserver(() => this.address()).observe(this.element.closest("#lab") ?? this.element);
  }

  draw() {
    const line = this.value ?? {};
    this.$(".lab-line").hidden = !line.run && !line.problem;
    this.$(".problem").hidden = !line.problem;
    put(this.$(".problem"), line.problem ?? "");
    this.$(".lab-open").hidden = !line.run;
    if (line.run) this.drawStudy(line);
    this.address();
  }

  /** @param {Line} line */
  drawStudy(line) {
    const chip = this.$(".j-chip"), state = line.state ?? "", percent = line.percent ?? 0, actions = line.actions ?? [];
    put(this.$("h2"), line.title ?? "");
    put(chip, state);
    chip.dataset.state = state;
    put(this.$(".lab-where p"), line.text ?? "");
    this.$(".j-bar").hidden = state === "done";
    attr(this.$(".j-bar"), "aria-valuenow", Math.round(percent));
    this.$(".j-bar i").style.width = `${percent}%`;
    this.$(".lab-note").hidden = !line.note;
    put(this.$(".lab-note"), line.note ?? "");
    const box = this.$(".lab-actions"), key = JSON.stringify([line.run, actions]);
    if (box.dataset.key === key) return;
    box.dataset.key = key;
    const held = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.action : "";
    const buttons = actions.map(([action, words]) => button("tool", words, { action }));
    box.replaceChildren(...buttons);
    if (held) buttons.find((one) => one.dataset.action === held)?.focus({ preventScroll: true });
  }

  /** The address names the open study while this tab is shown; on another tab a reload should stay there. */
  address() {
    const run = this.value?.run, tab = this.element.closest("#lab"), shown = tab instanceof HTMLElement && tab.offsetParent;
    if (!hasArrived() || run === undefined || (!shown && !run)) return;
    const given = new URLSearchParams(location.search).get("study") ?? "";
    if (shown || given === run) remember("study", shown ? run : "");
  }
}

/** @param {import("../kit/part.js").Host<Line>} host */
export const mount = (host) => void new StudyLine(host);
