// The two halves of the tab: a subject, or a preference. value = {mode}: the one to open, "" to stay where one is.
import { all, at, attr } from "../kit/dom.js";
import { inList } from "../kit/keys.js";
import { Part } from "../kit/part.js";

/** @typedef {{ mode: string }} Value */

/** @extends {Part<Value>} */
class Modes extends Part {
  mode = "subject";

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.on("click", (event) => this.open(at(event, "[data-mode]")?.dataset.mode ?? this.mode));
    this.on("keydown", (event) => {
      if (!inList(event.key)) return;
      event.preventDefault();
      this.open(this.mode === "subject" ? "preference" : "subject");
      this.$('[aria-selected="true"]').focus();
    });
    this.follow(() => this.open(this.value?.mode || this.mode));
  }

  /** @param {string} mode */
  open(mode) {
    this.mode = mode;
    for (const tab of all("[data-mode]", this.element)) {
      const on = tab.dataset.mode === mode;
      attr(tab, "aria-selected", on);
      tab.tabIndex = on ? 0 : -1;
      document.getElementById(`personal-${tab.dataset.mode}`)?.classList.toggle("p-open", on);
    }
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Modes(host);
