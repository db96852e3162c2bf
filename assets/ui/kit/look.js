// A run that goes on is looked at: the server's memory is asked whether it has changed, and Gradio only when it has.
// Where no answer comes (another address in between, a cookie that is refused) Gradio is asked now and then instead.
import { Part } from "./part.js";

/** @typedef {{ runs: string[] }} Watched runs that go on; none: nobody is asked */
/** @typedef {{ every: number, slow: number, blind: number }} Pace seconds: between looks, between questions that are asked
 * whatever happens, and the same where looks are not answered */

const PATIENCE_MS = 10000; // for an answer

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
 * Changes whenever a run does; null where the server does not say.
 * @param {string} run
 */
async function stampOf(run) {
  try {
    const address = new URL(`run-state/${encodeURIComponent(run)}`, document.baseURI);
    const answer = await fetch(address, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    return answer.ok ? answer.headers.get("run-stamp") : null;
  } catch {
    return null;
  }
}

/** @param {string[]} runs */
async function stampOfAll(runs) {
  const stamps = await Promise.all(runs.map(stampOf));
  return stamps.includes(null) ? null : stamps.join(" ");
}

/** @extends {Part<Watched>} */
class Look extends Part {
  /** @type {string[]} */
  runs = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} of the next look */
  waiting = undefined;

  /** @param {import("./part.js").Host<Watched> & Pace} host */
  constructor(host) {
    super(host);
    this.due = new Due(host);
    this.follow(() => this.turn());
  }

  turn() {
    const runs = this.value?.runs ?? [];
    if (runs.join(" ") === this.runs.join(" ")) return;
    this.runs = runs;
    this.due.begin(performance.now() / 1000);
    this.next();
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
