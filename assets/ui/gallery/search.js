// What is looked for: the form, and the address that says the same.
import { all, at, attr, find } from "../kit/dom.js";
import { nothing, ofQuery, toAddress } from "./asked.js";

/** @typedef {import("./asked.js").Asked} Asked */
/** @typedef {[string, number, string?]} Count */
/** @typedef {{ kinds: Count[], states: Count[], models: Count[], tags: Count[] }} Counts */

const TYPING_MS = 180;
/** @type {[name: keyof Asked, counts: keyof Counts, all: string][]} */
const CHOICES = [
  ["kind", "kinds", "All kinds"],
  ["with", "models", "All models"],
  ["state", "states", "All states"],
  ["tag", "tags", "All tags"],
];

export class Search {
  asked = ofQuery(location.search);

  /**
   * @param {HTMLElement} bar
   * @param {(ms: number) => void} changed something else is looked for, to be asked after so many milliseconds
   */
  constructor(bar, changed) {
    this.bar = bar;
    this.changed = changed;
    this.words = find(".g-find", bar, HTMLInputElement);
    this.fill();
  }

  /** The form shows what is asked for. */
  fill() {
    for (const field of this.fields()) field.value = this.asked[/** @type {keyof Asked} */ (field.name)];
    attr(find(".g-favourites", this.bar), "aria-pressed", Boolean(this.asked.favourites));
  }

  /** @returns {(HTMLInputElement | HTMLSelectElement)[]} */
  fields() {
    const fields = all("input, select", this.bar);
    return fields.filter((one) => one instanceof HTMLInputElement || one instanceof HTMLSelectElement);
  }

  /** @param {Counts} counts */
  offer(counts) {
    for (const [name, of, every] of CHOICES) {
      const field = find(`select[name=${name}]`, this.bar, HTMLSelectElement), known = counts[of], asked = this.asked[name];
      const rows = [["", every], ...known.map(([value, n, title]) => [value, `${title ?? value} (${n})`])];
      if (asked && !known.some(([value]) => value === asked)) rows.push([asked, asked]);
      const key = JSON.stringify(rows);
      if (field.dataset.key !== key) {
        field.dataset.key = key;
        field.replaceChildren(...rows.map(([value, text]) => new Option(text, value)));
      }
      field.value = asked;
      field.parentElement?.toggleAttribute("hidden", name === "tag" && !known.length);
    }
  }

  /** @param {Event} event */
  typed(event) {
    const field = event.target;
    if (!at(event, ".g-bar") || !(field instanceof HTMLInputElement || field instanceof HTMLSelectElement)) return;
    this.set({ [field.name]: field.value }, field === this.words ? TYPING_MS : 0);
  }

  /**
   * @param {Partial<Asked>} change
   * @param {number} ms
   */
  set(change, ms = 0) {
    this.asked = { ...this.asked, ...change };
    history.replaceState(null, "", toAddress(location.href, this.asked));
    attr(find(".g-favourites", this.bar), "aria-pressed", Boolean(this.asked.favourites));
    this.changed(ms);
  }

  clear() {
    this.set({ ...nothing(), order: this.asked.order });
    this.fill();
    this.words.focus();
  }
}
