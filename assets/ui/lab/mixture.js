// Sliders of the exact Gaussian-mixture laboratory. value = MixtureCard's {sliders, page, note, pending}.
// Triggers "ask" with the settings, at most one question at a time: while one is out, only where the sliders end is kept.
// A question that stays unanswered is asked again after PATIENCE_MS, one that was refused is not.
import { all, at, attr, button, find, make, put, tone } from "../kit/dom.js";
import { Part } from "../kit/part.js";
import { judged, length, ofPage, place, range, reach, same, valueAt, written } from "./settings.js";

/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {import("./settings.js").Slider} Slider */
/**
 * @typedef {object} Arm
 * @property {string} name
 * @property {string} mask
 * @property {string} tone
 * @property {number} nfe
 * @property {string} modes
 * @property {string} modes_ci
 * @property {string} distance
 * @property {string} distance_ci
 * @property {string} recovered
 * @property {number[]} share of samples, by prototype
 * @property {boolean} chosen
 */
/**
 * @typedef {object} Page
 * @property {Settings} settings
 * @property {string} sentence
 * @property {string} why
 * @property {{ kappa: number }[]} grid
 * @property {{ first_open: boolean, second_kept: boolean }} regime
 * @property {{ world: number[], student: number[] }} weights
 * @property {Arm[]} arms
 */
/** @typedef {{ sliders?: Slider[], page: Page | null, note?: string, pending?: boolean }} Value */

const PAUSE_MS = 60, PATIENCE_MS = 4000;
const ORDERS = ["base first", "student first"];
const COLUMNS = ["effective modes", "by prototype", "spread", "given back", "NFE"];

/**
 * @param {{ kappa: number }} step
 * @param {number} i
 * @param {Page} page
 */
function kappaBar(step, i, page) {
  const row = make("div", "mix-bar"), bar = make("i"), said = judged(i, page.regime);
  bar.style.width = length(reach(step.kappa));
  row.append(make("span", "", `step ${i + 1}`), bar, make("b", "", step.kappa.toFixed(step.kappa < 10 ? 2 : 0)));
  if (said) {
    row.dataset.good = String(said.good);
    row.append(make("small", "", said.words));
  }
  return row;
}

/**
 * @param {number} world
 * @param {number} student
 * @param {number} most
 * @param {number} i
 */
function priorPair(world, student, most, i) {
  const pair = make("div", "mix-pair"), left = make("i", "world"), right = make("i", "student");
  left.style.height = length(world / most);
  right.style.height = length(student / most);
  const shares = `the world ${(100 * world).toFixed(1)} %, the student's prior ${(100 * student).toFixed(1)} %`;
  pair.title = `prototype ${i + 1}: ${shares}`;
  pair.append(left, right);
  return pair;
}

/** @param {Arm} arm */
function armRow(arm) {
  const row = make("tr"), name = make("th"), strip = make("div", "mix-share"), top = Math.max(...arm.share);
  row.classList.toggle("on", arm.chosen);
  name.scope = "row";
  tone(name, `--arm-${arm.tone}`);
  name.append(make("i"), arm.name, make("code", "", arm.mask));
  strip.append(...arm.share.map((share) => {
    const bar = make("i");
    bar.style.height = length(share / top);
    return bar;
  }));
  tone(strip, `--arm-${arm.tone}`);
  strip.title = arm.share.map((share, i) => `${i + 1}: ${(100 * share).toFixed(0)} %`).join(", ");
  /** @type {(Node | string)[][]} */
  const contents = [
    [make("b", "", arm.modes), " ", make("small", "", arm.modes_ci)], [strip],
    [make("b", "", arm.distance), " ", make("small", "", arm.distance_ci)], [make("b", "", arm.recovered || "–")],
    [make("b", "", arm.nfe)],
  ];
  row.append(name, ...contents.map((content, i) => {
    const cell = make("td");
    cell.dataset.label = COLUMNS[i];
    cell.append(...content);
    return cell;
  }));
  return row;
}

/** @extends {Part<Value>} */
class Mixture extends Part {
  /** @type {Settings | null} */
  settings = null; // where the sliders stand
  /** @type {Settings | null} */
  page = null; // what the page was computed for
  out = ""; // the question that is asked
  refused = "";
  sentAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer = undefined;
  /** @type {Map<string, Slider>} */
  sliders = new Map();

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.box = this.$(".mix", HTMLDetailsElement);
    this.form = this.$(".mix-form");
    this.form.addEventListener("input", (event) => this.moved(event));
    this.form.addEventListener("click", (event) => {
      const order = at(event, "[data-order]")?.dataset.order;
      if (!order || !this.settings) return;
      this.settings.order = order;
      for (const one of all("[data-order]", this.form)) attr(one, "aria-pressed", one.dataset.order === order);
      this.ask();
    });
    this.box.addEventListener("toggle", () => this.ask());
    this.follow(() => this.draw());
  }

  /** @param {Slider[]} sliders */
  build(sliders) {
    this.sliders = new Map(sliders.map((slider) => [slider.name, slider]));
    this.settings = { order: ORDERS[0], ...Object.fromEntries(sliders.map(({ name, value }) => [name, value])) };
    const order = make("div", "mix-order");
    attr(order, "role", "group");
    attr(order, "aria-label", "Order");
    order.append(...ORDERS.map((words, i) => {
      const choice = button("", words, { order: words });
      attr(choice, "aria-pressed", i === 0);
      return choice;
    }));
    this.form.replaceChildren(...sliders.map((slider) => {
      const label = make("label", "mix-slider"), head = make("span"), input = make("input");
      head.append(make("b", "", slider.label), make("output", "", written(slider.name, slider.value)));
      Object.assign(input, { type: "range", ...range(slider) });
      input.value = String(place(slider, slider.value));
      input.dataset.name = slider.name;
      label.append(head, input, make("small", "", slider.info ?? ""));
      return label;
    }), order);
  }

  /** @param {Event} event */
  moved(event) {
    const input = event.target, slider = input instanceof HTMLInputElement && this.sliders.get(input.dataset.name ?? "");
    if (!slider || !this.settings) return;
    const value = valueAt(slider, Number(input.value)), label = input.closest("label");
    this.settings[slider.name] = value;
    if (label) put(find("output", label), written(slider.name, value));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), PAUSE_MS);
  }

  ask() {
    clearTimeout(this.timer);
    if (!this.settings || !this.box.open) return;
    const now = JSON.stringify(this.settings);
    if (now === this.refused || same(this.page, this.settings)) return;
    const left = this.out ? PATIENCE_MS - (performance.now() - this.sentAt) : 0;
    this.timer = setTimeout(() => this.ask(), left > 0 ? left : PATIENCE_MS);
    if (left > 0) return; // asked again when the answer is here
    this.out = now;
    this.sentAt = performance.now();
    this.trigger("ask", { ...this.settings });
  }

  draw() {
    const value = this.value;
    if (!value) return;
    if (!this.settings && value.sliders) this.build(value.sliders);
    this.box.classList.toggle("pending", Boolean(value.pending));
    put(this.$(".mix-note"), value.note ?? "");
    if (value.page && this.settings) {
      this.page = ofPage(this.settings, value.page.settings);
      this.drawPage(value.page);
    }
    if (value.pending) return;
    this.refused = value.page ? "" : this.out;
    this.out = "";
    if (value.page) this.ask();
  }

  /** @param {Page} page */
  drawPage(page) {
    const { world, student } = page.weights, most = Math.max(...world, ...student);
    put(this.$(".mix-sentence"), page.sentence);
    put(this.$(".mix-why"), page.why);
    this.$(".mix-kappa").replaceChildren(...page.grid.map((step, i) => kappaBar(step, i, page)));
    this.$(".mix-prior").replaceChildren(...world.map((weight, i) => priorPair(weight, student[i], most, i)));
    this.$("tbody").replaceChildren(...page.arms.map(armRow));
    this.element.dataset.ready = JSON.stringify(page.settings);
  }
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Mixture(host);
