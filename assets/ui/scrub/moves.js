// What moves: the slider, playing, flickering, and what is chosen or held against what.
import { attr, make } from "../kit/dom.js";
import { clamp } from "../kit/numbers.js";
import { axisOf, nearest } from "./axis.js";
import { drawDecisions } from "./decisions.js";
import { bitmapOf, redraw } from "./paint.js";
import { layout, mark, options, want } from "./wall.js";
import { sayNow } from "./words.js";

/** @typedef {import("./state.js").Scrub} Scrub */

const REST_MS = 800, FLICKER_MS = 420; // REST: at the end while playing

/**
 * @param {Scrub} s
 * @param {number} to the tick
 */
export function go(s, to) {
  const at = clamp(to, 0, s.axis.count - 1);
  if (at === s.tick) return;
  s.tick = at;
  if (Number(s.slider.value) !== at) s.slider.value = String(at);
  redraw(s);
}

/**
 * @param {Scrub} s
 * @param {boolean} on
 */
export function play(s, on) {
  if (s.playing) cancelAnimationFrame(s.playing);
  s.playing = 0;
  const button = s.$(".sc-play");
  button.dataset.on = on ? "1" : "";
  attr(button, "aria-pressed", on);
  if (!on || !s.rows.length) return;
  if (s.tick >= s.axis.count - 1) go(s, 0);
  let since = performance.now(), rest = 0;
  /** @param {number} now */
  const step = (now) => {
    if (!s.element.isConnected || !s.rows.length) return play(s, false);
    s.playing = requestAnimationFrame(step);
    if (!s.element.offsetParent) since = now;
    else if (s.tick < s.axis.count - 1) {
      const each = 1000 / Number(s.$(".sc-speed", HTMLSelectElement).value), by = Math.floor((now - since) / each);
      since += by * each;
      if (by) go(s, s.tick + by);
    } else if (now - (rest ||= now) > REST_MS) {
      rest = 0;
      since = now;
      go(s, 0);
    }
  };
  s.playing = requestAnimationFrame(step);
}

/**
 * Shows what is held against the picture, or the picture again.
 * @param {Scrub} s
 * @param {boolean} on
 */
export function flick(s, on) {
  if (s.flick === on) return;
  s.flick = on;
  s.root.classList.toggle("flick", on);
  redraw(s);
  sayNow(s);
}

/**
 * Flickers by itself.
 * @param {Scrub} s
 * @param {boolean} on
 */
export function flicker(s, on) {
  clearInterval(s.flickTimer);
  s.flickTimer = on ? setInterval(() => (s.element.isConnected ? flick(s, !s.flick) : flicker(s, false)), FLICKER_MS) : undefined;
  attr(s.$(".sc-flicker"), "aria-pressed", on);
  flick(s, false);
}

/**
 * Chooses an arm, a seed, or both.
 * @param {Scrub} s
 * @param {{ arm?: string, seed?: number }} what
 */
export function choose(s, what) {
  const other = what.arm !== undefined && what.arm !== s.chosen.arm;
  s.chosen = { ...s.chosen, ...what };
  mark(s);
  if (other && s.table) drawDecisions(s); // the chosen row's intervals are drawn
  redraw(s);
  sayNow(s);
}

/**
 * @param {Scrub} s
 * @param {number} by
 */
export function nextSeed(s, by) {
  const seed = s.seeds[s.seeds.indexOf(s.chosen.seed) + by];
  if (seed !== undefined) choose(s, { seed });
}

/**
 * @param {Scrub} s
 * @param {number} by
 */
export function nextRow(s, by) {
  choose(s, { arm: s.rows[clamp(s.row + by, 0, s.rows.length - 1)].arm });
}

/**
 * Rows in step by "noise" level or by "step" number; the moment stays.
 * @param {Scrub} s
 * @param {string} sync
 */
export function setSync(s, sync) {
  s.sync = sync;
  if (s.rows.length) {
    const { row } = s, level = s.axis.levels?.[s.tick], index = s.axis.index(row, s.tick), axis = axisOf(s.rows, sync);
    const tick = index >= 0 ? axis.tick(row, Math.min(index, s.last(row))) : s.tick;
    s.axis = axis;
    s.tick = clamp(level !== undefined && axis.levels ? nearest(axis.levels, level) : tick, 0, axis.count - 1);
    layout(s);
  }
  s.pin = null;
  if (s.against === "pin") s.against = "end";
  options(s);
  if (s.table) drawDecisions(s);
}

/**
 * @param {Scrub} s
 * @param {string} show "x0", "difference" or "noisy"
 */
export function setShow(s, show) {
  if (show === "noisy" && !s.hasNoisy) {
    if (!s.kept && !s.view.live) s.trigger("states", { run: s.view.run });
    return;
  }
  s.show = show;
  options(s);
  want(s);
  redraw(s);
}

/**
 * Holds the moment, to flicker with.
 * @param {Scrub} s
 */
export function pin(s) {
  s.pin = s.tick;
  s.against = "pin";
  options(s);
  redraw(s);
}

/**
 * Saves the chosen picture as PNG.
 * @param {Scrub} s
 */
export function saveMoment(s) {
  const [bitmap, at] = bitmapOf(s, s.row, s.axis.index(s.row, s.tick));
  if (!bitmap) return;
  const link = make("a");
  link.download = `studio-${s.chosen.arm}-seed-${s.chosen.seed}-step-${at + 1}.png`;
  link.href = s.large[s.row].canvas.toDataURL("image/png");
  link.click();
}
