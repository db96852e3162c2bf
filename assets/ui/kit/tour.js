// A tour of five steps over a real result. It stands beside the page and blocks nothing: arrows go on and back, Escape ends it.
import { all, at, attr, button, make, put } from "./dom.js";
import { keep, kept } from "./storage.js";

/**
 * @typedef {object} Stop
 * @property {string} title
 * @property {string} text
 * @property {string[]} at selectors of what it points at, the best first
 * @property {string} [go] a tab that can be opened from here
 */

/** @type {readonly Stop[]} */
export const STOPS = [
  { title: "Teacher, student, hybrid",
    text: "The teacher draws a picture in many small steps. The student was taught by it to draw in a few, so it is fast. " +
      "A hybrid lets the teacher take the first steps and the student the rest. Each row of the wall is one of them.",
    at: [".board:not([data-state=empty]) .wall-scroll", ".e-figure"] },
  { title: "Read the wall",
    text: "A column is one seed: every row starts it from the same noise, so what changes down a column is the model. Along a " +
      "row, pictures should differ in whatever the prompt leaves open. Where they look alike, diversity was lost. Press a " +
      "picture to lay two rows over each other below.",
    at: [".board:not([data-state=empty]) .wall-scroll", ".e-figure"] },
  { title: "Read the figures",
    text: "Diversity says how evenly pictures spread, accuracy how often they show what the prompt says; neither says much " +
      "alone. The range in brackets holds the true value in 95 of 100 such measurements. While it is wide, nothing is settled, " +
      "and the sentence on top says so: more seeds make it narrower.",
    at: [".board:not([data-state=empty]) .b-headline", ".figures", ".e-figure figcaption"] },
  { title: "Scrub",
    text: "Every step of a run is kept. The Scrub tab slides through what each model believed the finished picture to be, " +
      "and shows when each part of it was decided. Runs of your own have a button for it above the wall.",
    at: [".b-scrub:not([hidden])", "#tabs [role=tablist]"], go: "scrub" },
  { title: "Where to go next",
    text: "Write a prompt and press Run, or choose a tab by what you came for. Dotted words explain themselves.",
    at: ["#tabs [role=tablist]"] },
];

const LOOK_MS = 300; // between looks at whether what a step points at is there meanwhile

/**
 * The step after a move, which ends at the last one. No page needed.
 * @param {number} now
 * @param {number} by
 */
export const moved = (now, by) => Math.min(STOPS.length - 1, Math.max(0, now + by));

/** Whether this browser was offered the tour, or took it. */
export const wasSeen = () => kept("tour") !== "";

export class Tour {
  step = -1; // none
  /** @type {HTMLElement | null} */
  target = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  looking = undefined;

  /**
   * @param {() => void} begin brings a real result into view
   * @param {() => void} ended
   */
  constructor(begin, ended) {
    this.begin = begin;
    this.ended = ended;
    this.card = make("section", "tour");
    this.card.hidden = true;
    this.card.tabIndex = -1;
    for (const [name, value] of Object.entries({ role: "dialog", "aria-modal": "false", "aria-label": "Tour" }))
      attr(this.card, name, value);
    this.count = make("span", "tour-count");
    this.title = make("h2", "tour-title");
    this.text = make("p", "tour-text");
    this.more = make("ul", "tour-more");
    this.back = button("tool tour-back", "Back");
    this.next = button("tool tour-next", "Next");
    const foot = make("div", "tour-foot"), close = button("tool tour-close", "Close");
    foot.append(this.count, close, this.back, this.next);
    attr(this.text, "aria-live", "polite");
    this.card.append(this.title, this.text, this.more, foot);
    document.body.append(this.card);
    this.card.addEventListener("click", (event) => {
      if (at(event, ".tour-next")) this.go(1);
      else if (at(event, ".tour-back")) this.go(-1);
      else if (at(event, ".tour-close, [data-go]")) this.end();
    });
    addEventListener("keydown", (event) => this.key(event), true);
  }

  get isOpen() {
    return this.step >= 0;
  }

  start() {
    keep("tour", "seen");
    this.begin();
    this.step = 0;
    this.card.hidden = false;
    this.draw();
    this.card.focus({ preventScroll: true });
    clearInterval(this.looking);
    this.looking = setInterval(() => this.point(), LOOK_MS);
  }

  /** @param {number} by */
  go(by) {
    if (by > 0 && this.step === STOPS.length - 1) return this.end();
    this.step = moved(this.step, by);
    this.draw();
  }

  end() {
    clearInterval(this.looking);
    this.step = -1;
    this.card.hidden = true;
    this.mark(null);
    this.ended();
  }

  draw() {
    const stop = STOPS[this.step], last = this.step === STOPS.length - 1;
    put(this.title, stop.title);
    put(this.text, stop.text);
    put(this.count, `${this.step + 1} of ${STOPS.length}`);
    put(this.next, last ? "Done" : "Next");
    this.back.disabled = this.step === 0;
    const ways = all(".e-tabs li", document).filter((way) => last || way.querySelector(`[data-go="${stop.go}"]`));
    this.more.replaceChildren(...ways.map((way) => way.cloneNode(true)));
    this.mark(null);
    this.point();
  }

  /** What a step points at may come a moment later, or be replaced by a better one. */
  point() {
    const stop = STOPS[this.step];
    const found = stop?.at.map((one) => all(one, document).find((node) => node.offsetParent)).find(Boolean) ?? null;
    if (found === this.target) return;
    this.mark(found);
    found?.scrollIntoView({ behavior: "smooth", block: found.offsetHeight > innerHeight / 2 ? "start" : "center" });
  }

  /** @param {HTMLElement | null} target */
  mark(target) {
    this.target?.classList.remove("toured");
    this.target = target;
    target?.classList.add("toured");
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (!this.isOpen || document.querySelector("dialog[open]")) return;
    const free = document.activeElement === document.body || this.card.contains(document.activeElement);
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? 0;
    if (event.key === "Escape") this.end();
    else if (by && free) this.go(by);
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}
