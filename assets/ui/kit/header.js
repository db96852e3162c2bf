// State of the worker, background jobs, the drawer of recent runs, the tour, ways to other tabs, light and dark.
import { at, attr, button, file, make, put } from "./dom.js";
import { Drawer } from "./drawer.js";
import { asks } from "./later.js";
import { Part, tell } from "./part.js";
import { keep } from "./storage.js";
import { Tour, wasSeen } from "./tour.js";

/** @typedef {{ active: number, text: string }} Counts runs in the background, and how the page says so */
/** @typedef {{ state?: string, text?: string, title?: string, jobs?: Counts }} Worker */
/**
 * @typedef {object} Run
 * @property {string} id
 * @property {string} [kind]
 * @property {string} state
 * @property {string} prompt
 * @property {string} about
 * @property {string[]} pictures paths below the run directory
 * @property {number} [shows] of a strip, the part that is shown, from 0 on the left to 1
 */

const OWN = ["live", "scrub", "control", "grid", "personalize"]; // kinds that open on a tab of their own

/** @param {Run} run */
function card(run) {
  const node = button("run-card", "", { run: run.id, kind: run.kind ?? "" });
  const strip = make("span", "run-strip"), words = make("span", "run-words"), state = make("i", "run-state", run.state);
  strip.append(...run.pictures.map((path) => Object.assign(new Image(), { loading: "lazy", src: file(run.id, path), alt: "" })));
  if (run.shows !== undefined) strip.style.setProperty("--shows", `${100 * run.shows}%`);
  words.append(make("b", "", run.prompt), make("small", "", run.about));
  state.dataset.state = run.state;
  node.append(strip, words, state);
  return node;
}

/** @param {Run} run */
function entry(run) {
  if (OWN.includes(run.kind ?? "") || !["done", "cancelled"].includes(run.state)) return card(run);
  const line = make("div", "run-line"), scrub = button("run-scrub", "Scrub", { run: run.id });
  scrub.title = "Slide through every step of this run";
  line.append(card(run), scrub);
  return line;
}

/** @extends {Part<Worker>} */
class Header extends Part {
  panelThere = false; // the jobs panel is mounted by a script of its own, at times after this one
  asked = false; // to open it, before it was there

  /** @param {import("./part.js").Host<Worker>} host */
  constructor(host) {
    super(host);
    this.drawer = new Drawer(this.$(".drawer"), ".runs-open");
    this.tour = new Tour(() => this.example(false), () => this.$(".tour-open").focus({ preventScroll: true }));
    this.$(".welcome").hidden = wasSeen();
    this.on("click", (event) => this.pressed(event));
    this.onPage("click", (event) => this.elsewhere(event));
    this.hear("studio:jobs", (/** @type {{ open: boolean, counts?: Counts }} */ told) => {
      this.panelThere = true;
      if (this.asked) {
        this.asked = false;
        if (!told.open) return tell("studio:jobs-toggle");
      }
      attr(this.$(".jobs-open"), "aria-expanded", told.open);
      if (told.counts) this.count(told.counts);
    });
    this.hear("studio:open-run", (/** @type {{ run: string, tab: string }} */ { run, tab }) =>
      (tab ? this.trigger("go", { tab }) : this.trigger("open", { run })));
    this.follow(() => this.draw());
    tell("studio:jobs-hello");
    asks((event) => this.trigger(event, {}));
  }

  draw() {
    /** @type {Worker} */
    const value = this.value ?? {};
    const worker = this.$(".worker");
    worker.dataset.state = value.state ?? "";
    worker.title = value.title ?? "";
    put(this.$(".worker span"), value.text ?? "");
    if (!value.jobs) return;
    this.count(value.jobs);
    if (value.jobs.active) tell("studio:jobs-active");
  }

  /** @param {Counts} jobs */
  count(jobs) {
    const badge = this.$(".jobs-count");
    put(badge, jobs.text);
    badge.dataset.n = String(jobs.active || "");
  }

  /** @param {MouseEvent} event */
  pressed(event) {
    if (at(event, ".runs-open")) return this.open();
    if (at(event, ".jobs-open")) {
      if (this.panelThere) tell("studio:jobs-toggle");
      else this.asked = !this.asked;
    }
    const run = at(event, ".run-card"), scrub = at(event, ".run-scrub");
    if (run) this.leave(OWN.includes(run.dataset.kind ?? "") ? String(run.dataset.kind) : "reopen", run);
    if (scrub) this.leave("scrub", scrub);
    if (at(event, ".tour-open, .welcome-go")) this.tour.start();
    if (at(event, ".tour-open, .welcome button")) this.welcomed();
    if (at(event, ".theme-toggle")) keep("theme", document.body.classList.toggle("dark") ? "dark" : "light");
  }

  welcomed() {
    keep("tour", "seen");
    this.$(".welcome").hidden = true;
  }

  /**
   * A link to a tab, or to the shipped result, wherever it stands on the page.
   * @param {MouseEvent} event
   */
  elsewhere(event) {
    const way = at(event, "[data-go]");
    if (way) {
      event.preventDefault();
      this.trigger("go", { tab: way.dataset.go });
    }
    if (at(event, "[data-example]")) this.example(true);
  }

  /**
   * Opens the shipped result on Compare; the tour only where nothing is open there.
   * @param {boolean} fill whether its request goes into the form
   */
  example(fill) {
    const empty = document.querySelector("#board .board[data-state=empty]");
    if (fill || empty) this.trigger("example", { fill });
    else this.trigger("go", { tab: "compare" });
  }

  /**
   * @param {string} where
   * @param {HTMLElement} run
   */
  leave(where, run) {
    this.trigger(where, { run: run.dataset.run });
    this.drawer.close();
  }

  async open() {
    this.drawer.open();
    const list = this.$(".drawer-list");
    /** @param {string} text */
    const say = (text) => list.replaceChildren(make("p", "drawer-none", text));
    try {
      const runs = /** @type {Run[]} */ (await this.host.server.recent_runs());
      if (runs.length) list.replaceChildren(...runs.map(entry));
      else say("Nothing yet. Every run you make is kept and listed here.");
    } catch {
      say("The list could not be read; is the studio still running?");
    }
  }
}

/** @param {import("./part.js").Host<Worker>} host */
export const mount = (host) => void new Header(host);
