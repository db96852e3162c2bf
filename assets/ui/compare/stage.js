// Two arms on one seed: a slider drawn in the browser from pictures already sent, and a flicker.
// Listens to the board ("studio:view") and tells it what was chosen here ("studio:select").
import { at, attr, file, make, put, tone, typing } from "../kit/dom.js";
import { withModifier } from "../kit/keys.js";
import { clamp } from "../kit/numbers.js";
import { Part, tell } from "../kit/part.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Selected} Selected */

const FLICKER_MS = 420;
/** @type {Record<string, number>} */
const CUTS = { ArrowLeft: -2, ArrowRight: 2, Home: -100, End: 100 }; // percent of the width

/** @extends {Part<null>} */
class Stage extends Part {
  /** @type {import("./types.js").View | null} */
  view = null;
  /** @type {Selected} */
  selected = { seed: 0, left: "", right: "" };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  flicker = undefined; // set while the pictures flicker by themselves
  shown = "";

  /** @param {import("../kit/part.js").Host<null>} host */
  constructor(host) {
    super(host);
    this.stage = this.$(".stage");
    this.handle = this.$(".s-handle");
    this.on("change", (event) => {
      const left = at(event, ".s-pick-left"), right = at(event, ".s-pick-right");
      if (left instanceof HTMLSelectElement) tell("studio:select", { left: left.value });
      if (right instanceof HTMLSelectElement) tell("studio:select", { right: right.value });
    });
    this.on("click", (event) => {
      if (at(event, ".s-flicker")) this.setFlicker(!this.flicker);
      if (at(event, ".s-prev")) this.step(-1);
      if (at(event, ".s-next")) this.step(1);
    });
    this.on("pointerdown", (event) => this.drag(event));
    this.on("keydown", (event) => {
      const by = at(event, ".s-handle") && CUTS[event.key];
      if (!by) return;
      event.preventDefault();
      this.cut(Number(this.handle.getAttribute("aria-valuenow")) + by);
    });
    this.onPage("keydown", (event) => this.keydown(event));
    this.onPage("keyup", (event) => {
      if (event.key.toLowerCase() !== "f" || this.flicker) return;
      this.stage.classList.remove("flickering");
      this.swap(false);
    });
    this.hear("studio:view", (/** @type {import("./types.js").Shown} */ told) => {
      this.view = told.view;
      this.selected = told.selected;
      this.draw(told.view);
    });
    this.cut(50);
    tell("studio:hello");
  }

  /** @param {string} arm */
  rowOf(arm) {
    return this.view?.rows.find((row) => row.arm === arm);
  }

  /** @param {Row | undefined} row */
  address(row) {
    const path = row?.images[this.selected.seed];
    return path && this.view ? file(this.view.run, path) : "";
  }

  /** @param {import("./types.js").View} view */
  draw(view) {
    const { seed, left, right } = this.selected, missing = [left, right].filter((arm) => !this.address(this.rowOf(arm)));
    this.fill(this.$(".s-pick-left", HTMLSelectElement), left);
    this.fill(this.$(".s-pick-right", HTMLSelectElement), right);
    this.place("left", this.rowOf(left));
    this.place("right", this.rowOf(right));
    this.$(".s-saves").hidden = missing.length === 2;
    this.$(".s-missing").hidden = !missing.length;
    const first = this.rowOf(missing[0])?.title ?? "This arm";
    put(this.$(".s-missing"), missing.length ? `${first} has not drawn seed ${seed} yet` : "");
    put(this.$(".s-seed"), `seed ${seed}`);
    void this.own(view, [this.rowOf(left), this.rowOf(right)]);
    this.stage.style.setProperty("--tone-left", `var(--arm-${this.rowOf(left)?.tone})`);
    this.stage.style.setProperty("--tone-right", `var(--arm-${this.rowOf(right)?.tone})`);
    const now = [view.run, seed, left, right].join();
    if (now !== this.shown) this.element.dataset.ready = "1";
    this.shown = now;
  }

  /**
   * @param {HTMLSelectElement} select
   * @param {string} chosen
   */
  fill(select, chosen) {
    const rows = this.view?.rows ?? [], key = rows.map((row) => row.arm).join();
    if (select.dataset.key !== key) {
      select.dataset.key = key;
      select.replaceChildren(...rows.map((row) => new Option(row.title, row.arm)));
    }
    select.value = chosen;
    if (select.parentElement) tone(select.parentElement, `--arm-${this.rowOf(chosen)?.tone}`);
  }

  /**
   * @param {"left" | "right"} side
   * @param {Row | undefined} row
   */
  place(side, row) {
    const image = this.$(`.s-${side}`, HTMLImageElement), link = this.$(`.s-save-${side}`, HTMLAnchorElement);
    const source = this.address(row), { seed } = this.selected;
    image.hidden = link.hidden = !source;
    if (!source || !row) return;
    if (image.getAttribute("src") !== source) image.src = source;
    image.alt = `${row.title}, seed ${seed}: ${this.view?.prompt}`;
    link.href = source;
    link.download = `studio-${row.arm}-seed-${seed}.png`;
    link.textContent = row.title.toLowerCase();
    link.title = "PNG; carries the whole run in its text";
  }

  /**
   * What the medium's own script shows of both, and its files.
   * @param {import("./types.js").View} view
   * @param {(Row | undefined)[]} rows
   */
  async own(view, rows) {
    const box = this.$(".s-own"), { seed } = this.selected;
    const files = rows.map((row) => (row?.files[seed] ?? []).map((path) => file(view.run, path)));
    box.hidden = !view.viewer || files.every((paths) => !paths.length);
    const key = JSON.stringify([files]);
    if (box.hidden || box.dataset.key === key) return;
    box.dataset.key = key;
    const script = await import(`../viewers/${view.viewer}.js`);
    if (box.dataset.key !== key) return; // another seed was chosen meanwhile
    rows.forEach((row, side) => {
      const place = this.$(side ? ".s-own-right" : ".s-own-left"), shown = make("div", "s-own-show");
      place.replaceChildren();
      if (!row || !files[side].length) return;
      script.show(shown, { still: this.address(row), files: files[side], title: row.title });
      place.append(make("b", "", row.title), shown, ...files[side].map((path) => saved(path)));
    });
  }

  /** @param {number} percent of the width where left ends */
  cut(percent) {
    const where = clamp(percent, 0, 100);
    this.stage.style.setProperty("--cut", `${where}%`);
    attr(this.handle, "aria-valuenow", Math.round(where));
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (!at(event, ".stage")) return;
    const box = this.stage.getBoundingClientRect();
    /** @param {PointerEvent} move */
    const follow = (move) => this.cut((100 * (move.clientX - box.left)) / box.width);
    const end = () => this.stage.removeEventListener("pointermove", follow);
    follow(event);
    this.stage.setPointerCapture(event.pointerId);
    this.stage.addEventListener("pointermove", follow);
    this.stage.addEventListener("pointerup", end, { once: true });
    this.stage.addEventListener("pointercancel", end, { once: true });
  }

  /** @param {number} by */
  step(by) {
    const seeds = this.view?.seeds ?? [], seed = seeds[seeds.indexOf(this.selected.seed) + by];
    if (seed !== undefined) tell("studio:select", { seed });
  }

  /** @param {boolean} on */
  swap(on) {
    this.stage.classList.toggle("swapped", on);
  }

  /** @param {boolean} on */
  setFlicker(on) {
    clearInterval(this.flicker);
    this.flicker = on ? setInterval(() => this.swap(!this.stage.classList.contains("swapped")), FLICKER_MS) : undefined;
    attr(this.$(".s-flicker"), "aria-pressed", on);
    this.stage.classList.toggle("flickering", on);
    this.swap(false);
  }

  /**
   * Page-wide keys while nobody types: hold F to see the other picture, [ and ] for the seed before and after.
   * @param {KeyboardEvent} event
   */
  keydown(event) {
    if (!this.view || typing(event) || withModifier(event)) return;
    if (event.key.toLowerCase() === "f") {
      this.stage.classList.add("flickering");
      this.swap(true);
    }
    if (event.key === "[") this.step(-1);
    if (event.key === "]") this.step(1);
  }
}

/** @param {string} path */
function saved(path) {
  const link = document.createElement("a"), name = path.split("/").at(-1) ?? "";
  link.href = path;
  link.download = `studio-${name}`;
  link.textContent = name;
  return link;
}

/** @param {import("../kit/part.js").Host<null>} host */
export const mount = (host) => void new Stage(host);
