// A run that goes on is looked at: the server's memory is asked whether it has changed, and Gradio only when it has.
// Where no answer comes (another address in between, a cookie that is refused) Gradio is asked now and then instead.
import { all } from "./dom.js";
import { add, begins, hear } from "./ended.js";
import { Part } from "./part.js";
import { stands } from "./run_state.js";

/** @typedef {{ runs: string[], shown?: string[], answers?: string }} Watched runs that go on; none: nobody is asked. shown: runs
 * that are on show, where that is said. answers: the run that a look was about */
/** @typedef {{ every: number, slow: number, blind: number }} Pace seconds: between looks, between questions that are asked
 * whatever happens, and the same where looks are not answered */

/** When Gradio is to be asked. Times are in seconds. */
export class Due {
  seen = ""; // stamp of the runs when it was asked last
  asked = 0;

  /** @param {Pace} pace */
  constructor(pace) {
    this.pace = pace;
  }

  /**
   * Other runs are shown from now on, as they are now.
   * @param {number} now
   */
  begin(now) {
    this.seen = "";
    this.asked = now;
  }

  /**
   * Whether to ask now; whoever hears yes asks.
   * @param {string | null} stamp of the runs; null where it could not be had
   * @param {number} now
   */
  now(stamp, now) {
    const changed = stamp !== null && stamp !== this.seen;
    if (!changed && now - this.asked < (stamp === null ? this.pace.blind : this.pace.slow)) return false;
    this.seen = stamp ?? this.seen;
    this.asked = now;
    return true;
  }
}

/**
 * Whether a look was about a run that is no longer on show: what the page has drawn of it has to be drawn anew, once.
 * @param {string} about
 * @param {string[]} shown
 * @param {string} before the run of the look that came late last
 */
export const isLate = (about, shown, before) => about !== "" && about !== before && shown.length > 0 && !shown.includes(about);

/** @param {string[]} runs */
async function stampOfAll(runs) {
  const found = await Promise.all(runs.map(stands));
  found.forEach(({ state }, i) => void hear(runs[i], state));
  const stamps = found.map(({ stamp }) => stamp);
  return stamps.includes(null) ? null : stamps.join(" ");
}

/** @extends {Part<Watched>} */
class Look extends Part {
  /** @type {string[]} */
  runs = [];
  /** @type {string[]} on show, those that have ended too */
  shown = [];
  late = ""; // the run of a look that came late last
  /** @type {ReturnType<typeof setTimeout> | undefined} of the next look */
  waiting = undefined;

  /** @param {import("./part.js").Host<Watched> & Pace} host */
  constructor(host) {
    super(host);
    this.due = new Due(host);
    add({ has: (run) => this.shown.includes(run), isInFront: () => this.isInFront(), tab: () => this.tab() });
    this.follow(() => this.turn());
  }

  turn() {
    const about = this.value?.answers ?? "", late = isLate(about, this.shown, this.late);
    this.late = late ? about : "";
    if (late) return this.trigger("tick", {});
    const runs = this.value?.runs ?? [];
    this.shown = this.value?.shown ?? (runs.length ? runs : this.shown);
    runs.forEach(begins);
    if (runs.join(" ") === this.runs.join(" ")) return;
    this.runs = runs;
    this.due.begin(performance.now() / 1000);
    this.next();
  }

  get panel() {
    return this.element.closest("[role=tabpanel]");
  }

  /** The name of the tab that it stands on: what a tab holds is in a column of its name. */
  tab() {
    const { panel } = this, names = all("[role=tab][data-tab-id]", document).map((one) => one.dataset.tabId ?? "");
    return names.find((name) => panel?.querySelector(`:scope > * > [id="${name}"]`)) ?? "";
  }

  /** Whether the person sees what it shows: the part of the page that it stands in, as it is never seen itself. */
  isInFront() {
    const part = this.panel ?? document.body;
    return document.visibilityState === "visible" && this.element.isConnected && part.checkVisibility();
  }

  next() {
    clearTimeout(this.waiting);
    if (this.runs.length) this.waiting = setTimeout(() => this.look(), 1000 * this.due.pace.every);
  }

  async look() {
    if (!this.element.isConnected) return; // another component has taken its place
    const runs = this.runs, stamp = await stampOfAll(runs);
    if (runs !== this.runs) return; // others are shown by now, and looked at already
    if (this.due.now(stamp, performance.now() / 1000)) this.trigger("tick", {});
    this.next();
  }
}

/** @param {import("./part.js").Host<Watched> & Pace} host */
export const mount = (host) => void new Look(host);
