// The adapters of the form: any number of rows, each an adapter with a strength and the steps it is on in; one is drawn at a
// row of strengths. value = {known, worn, vary}. What a person sets lives here; `readWorn` gives it to the Draw button.
import { attr, button, make } from "../kit/dom.js";
import { signed } from "../kit/numbers.js";
import { Part } from "../kit/part.js";
import { granted } from "../kit/wish.js";
import { after, bounded, scoped, without } from "./worn.js";

/** @typedef {import("./worn.js").Adapter} Adapter */
/** @typedef {import("./worn.js").Use} Use */
/** @typedef {{ known?: Adapter[], worn?: Use[], vary?: string }} Value */

const STEPS = [
  ["all", "in every step"], ["first", "in the first step"], ["rest", "in all but the first"],
  ["teacher", "in the teacher's steps"], ["student", "in the student's steps"], ["below", "below noise level"],
  ["above", "above noise level"],
];
const MOST = 3, WIDTH = "−3 … +3"; // strengths

/** @type {AdaptersOn | null} */
let shown = null; // the one of this page

/** @extends {Part<Value>} */
class AdaptersOn extends Part {
  /** @type {Adapter[]} */
  known = [];
  /** @type {import("./worn.js").Worn} */
  state = { worn: [], vary: "" };

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.follow(() => {
      this.known = this.value?.known ?? [];
      const wished = granted("worn", (id) => this.known.some((one) => one.id === id));
      const worn = wished ? { worn: [{ id: wished, strength: 1, on: "all" }], vary: wished } : {};
      this.set(after(this.state, { ...this.value, ...worn }));
    });
  }

  /** @param {import("./worn.js").Worn} state */
  set(state) {
    this.state = state;
    const { worn } = state, add = this.$(".worn-add"), free = this.known.filter((one) => !worn.some((use) => use.id === one.id));
    this.$(".worn-rows").replaceChildren(...worn.map((use) => this.row(use)));
    this.$(".worn-none").hidden = this.known.length > 0;
    add.hidden = !free.length;
    add.textContent = worn.length ? "and another adapter" : "choose an adapter";
    add.onclick = () => this.set({
      worn: [...worn, { id: free[0].id, strength: 1, on: "all" }], vary: this.state.vary || free[0].id,
    });
  }

  /** @param {Use} use */
  row(use) {
    const row = make("div", "worn-row"), varied = this.state.vary === use.id;
    row.append(this.name(use), this.strength(use, varied), this.scope(use, varied));
    row.dataset.varied = String(varied);
    return row;
  }

  /** @param {Use} use */
  titleOf(use) {
    return this.known.find((one) => one.id === use.id)?.title ?? use.id;
  }

  /** @param {Use} use */
  name(use) {
    const box = make("div", "worn-top"), select = make("select"), drop = button("worn-drop", "×");
    const taken = new Set(this.state.worn.filter((other) => other !== use).map((other) => other.id));
    const free = this.known.filter((one) => !taken.has(one.id));
    select.append(...free.map((one) => new Option(`${one.title} (${one.about})`, one.id)));
    select.value = use.id;
    attr(select, "aria-label", "Adapter");
    select.addEventListener("change", () => {
      const vary = this.state.vary === use.id ? select.value : this.state.vary;
      use.id = select.value;
      this.set({ ...this.state, vary });
    });
    drop.title = "take it off";
    attr(drop, "aria-label", `Take off ${this.titleOf(use)}`);
    drop.addEventListener("click", () => this.set(without(this.state, use)));
    box.append(select, drop);
    return box;
  }

  /**
   * @param {Use} use
   * @param {boolean} varied
   */
  strength(use, varied) {
    const label = make("label", "worn-force"), range = make("input"), number = make("output");
    Object.assign(range, { type: "range", min: -MOST, max: MOST, step: 0.1, value: use.strength, disabled: varied });
    attr(range, "aria-label", `Strength of ${this.titleOf(use)}`);
    number.textContent = varied ? WIDTH : signed(use.strength);
    range.addEventListener("input", () => {
      use.strength = Number(range.value);
      number.textContent = signed(use.strength);
    });
    label.append(range, number);
    return label;
  }

  /**
   * @param {Use} use
   * @param {boolean} varied
   */
  scope(use, varied) {
    const box = make("div", "worn-foot"), steps = make("select"), level = make("input");
    const radio = make("label", "worn-vary"), choice = make("input"), [scope, bound] = use.on.split(":");
    steps.append(...STEPS.map(([value, text]) => new Option(text, value)));
    steps.value = scope;
    attr(steps, "aria-label", "Steps it is on in");
    Object.assign(level, { value: bound ?? "1", inputMode: "decimal", hidden: !bound });
    level.title = "noise level σ/α: about 30 at the start, 1 in the middle, 0 at the end";
    attr(level, "aria-label", "Noise level");
    const set = () => {
      level.hidden = !bounded(steps.value);
      use.on = scoped(steps.value, level.value);
    };
    steps.addEventListener("change", set);
    level.addEventListener("input", set);
    Object.assign(choice, { type: "radio", name: "worn-vary", checked: varied });
    choice.addEventListener("change", () => this.set({ ...this.state, vary: use.id }));
    radio.append(choice, "over the row");
    box.append(steps, level, radio);
    return box;
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export function mount(host) {
  shown = new AdaptersOn(host);
}

/**
 * What Draw sends: what is on, as JSON text in the place of its first input, and the others as they are.
 * @param {unknown} _worn
 * @param {...unknown} rest
 */
export function readWorn(_worn, ...rest) {
  const { worn, vary } = shown?.state ?? { worn: [], vary: "" };
  return [JSON.stringify({ worn: worn.map(({ id, strength, on }) => ({ id, strength, on })), vary }), ...rest];
}
