// Runs that the page knows to go on, and which of them end while nobody looks. Components that look at runs (kit/look.js) say
// what they hear; a run that none of them looks at any more is asked after here, seldom, of the server's memory alone.
import { tell } from "./part.js";
import { stands, told } from "./run_state.js";

/** @typedef {import("./run_state.js").Told} Told */
/**
 * What shows runs.
 * @typedef {object} Viewer
 * @property {(run: string) => boolean} has whether it shows this one
 * @property {() => boolean} isInFront whether the person sees it
 * @property {() => string} tab the name of the tab it is on; "" where it is on none
 */
/** @typedef {{ run: string, tab: string, title: string, text: string, bad: boolean }} Ended tab: one that shows it already */

const FINAL = ["done", "failed", "cancelled", "stopped", "interrupted"]; // studio/jobs/events.py
const ASKED_FOR = ["cancelled", "stopped", "gone"]; // a person ended it, who knows
const ALONE_S = 4; // after which a run that nobody looks at is asked after
export const LONG_S = 8; // a run of the page that takes less was waited for

/** When runs end. Times are in seconds. */
export class Going {
  /** @type {Map<string, { since: number, heard: number }>} */
  runs = new Map();
  /** @type {Set<string>} said to have ended; a late answer may still call one of them live */
  over = new Set();

  /**
   * The page shows this run as one that goes on.
   * @param {string} run
   * @param {number} now
   */
  begin(run, now) {
    if (!this.over.has(run) && !this.runs.has(run)) this.runs.set(run, { since: now, heard: now });
  }

  /**
   * How long it went on, once, where it has just ended; null otherwise.
   * @param {string} run
   * @param {string} state
   * @param {number} now
   */
  heard(run, state, now) {
    const known = this.runs.get(run);
    if (state && !FINAL.includes(state) && state !== "gone") {
      this.over.delete(run); // somebody had it go on
      if (known) known.heard = now;
      else this.runs.set(run, { since: now, heard: now });
      return null;
    }
    if (!known) return null;
    known.heard = now;
    if (!state) return null;
    this.runs.delete(run);
    this.over.add(run);
    return now - known.since;
  }

  /** @param {number} now */
  alone(now) {
    return [...this.runs].filter(([, { heard }]) => now - heard >= ALONE_S).map(([run]) => run);
  }
}

/**
 * Whether the end of a run is news: nobody ended it on purpose, nobody looks at it, and it was not just waited for.
 * @param {{ state: string, lane: string, seconds: number, inFront: boolean }} end
 */
export const isNews = ({ state, lane, seconds, inFront }) =>
  !inFront && FINAL.includes(state) && !ASKED_FOR.includes(state) && (lane !== "interactive" || seconds >= LONG_S);

/**
 * One line about it.
 * @param {Pick<Told, "kind" | "title" | "state" | "note">} run
 */
export function inWords({ kind, title, state, note }) {
  const said = { done: "done", failed: "failed", interrupted: "interrupted" }[state] ?? state;
  const why = state !== "done" && note ? `: ${note}` : "";
  return { title: title || kind, text: `${kind} ${said}${why}`, bad: state !== "done" };
}

const going = new Going();
/** @type {Set<Viewer>} */
const viewers = new Set();
const seconds = () => performance.now() / 1000;
let asking = false;

/** @param {Viewer} viewer */
export const add = (viewer) => void viewers.add(viewer);

/** @param {string} run */
export function begins(run) {
  going.begin(run, seconds());
  if (asking) return;
  asking = true;
  setInterval(() => going.alone(seconds()).forEach(async (one) => hear(one, (await stands(one)).state)), 1000 * ALONE_S);
}

/**
 * The page shows how a run stands. Whoever has seen its end needs no notice, also where what shows it is closed at once.
 * @param {string} run
 * @param {string} state
 */
export function shows(run, state) {
  if (FINAL.includes(state) && document.visibilityState === "visible") going.heard(run, state, seconds());
}

/**
 * Somebody asked how a run stands.
 * @param {string} run
 * @param {string} state
 */
export async function hear(run, state) {
  const took = going.heard(run, state, seconds());
  if (took === null || ASKED_FOR.includes(state)) return;
  const showing = [...viewers].filter((viewer) => viewer.has(run)), inFront = showing.some((viewer) => viewer.isInFront());
  if (inFront) return;
  const found = await told(run);
  if (!found || !isNews({ state, lane: found.lane, seconds: took, inFront })) return;
  tell("studio:ended", { run, tab: showing.map((viewer) => viewer.tab()).find(Boolean) ?? "", ...inWords(found) });
}
