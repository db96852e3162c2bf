// What a person does to the scrubber: by hand, wheel and key.
import { at, typing } from "../kit/dom.js";
import { onSlider, withModifier } from "../kit/keys.js";
import { tickAt } from "./axis.js";
import { branchRequest } from "./branch.js";
import { drawDecisions } from "./decisions.js";
import { choose, flick, flicker, go, nextRow, nextSeed, pin, play, saveMoment, setShow, setSync } from "./moves.js";
import { redraw } from "./paint.js";
import { PAD } from "./schedule.js";

/** @typedef {import("./state.js").Scrub} Scrub */

const MOVED_PX = 4, WHEEL_PX = 40; // before a press is a drag; of a step
const FIELDS = "input:not([type=range]), textarea, select, [contenteditable]";

/** @param {Scrub} s */
export function listen(s) {
  s.on("input", (event) => {
    if (!at(event, ".sc-slider")) return;
    play(s, false);
    go(s, Number(s.slider.value));
  });
  s.on("change", (event) => {
    const select = at(event, ".sc-against");
    if (!(select instanceof HTMLSelectElement)) return;
    s.against = select.value;
    redraw(s);
  });
  s.on("click", (event) => click(s, event));
  s.on("pointerdown", (event) => drag(s, event));
  s.on("submit", (event) => {
    event.preventDefault();
    s.trigger("branch", branchRequest(s));
  });
  turn(s);
  s.onPage("keydown", (event) => keydown(s, event));
  s.onPage("keyup", (event) => {
    if (event.key.toLowerCase() === "f" && !s.flickTimer) flick(s, false);
  });
}

/**
 * @param {Scrub} s
 * @param {MouseEvent} event
 */
function click(s, event) {
  const meta = at(event, ".sc-meta, .sc-one"), head = at(event, ".sc-heads .w-seed"), gone = at(event, ".sc-item");
  const sync = at(event, "button[data-sync]")?.dataset.sync, show = at(event, "button[data-show]")?.dataset.show;
  if (meta) choose(s, { arm: meta.dataset.arm });
  if (head) choose(s, { seed: Number(head.dataset.seed) });
  if (sync) setSync(s, sync);
  if (show) setShow(s, show);
  if (gone) {
    const arm = String(gone.dataset.arm);
    play(s, false);
    choose(s, { arm, seed: Number(gone.dataset.seed) });
    go(s, s.axis.tick(s.rowOf(arm), Number(gone.dataset.step)));
  }
  if (at(event, ".sc-play")) play(s, !s.playing);
  if (at(event, ".sc-flicker")) flicker(s, !s.flickTimer);
  if (at(event, ".sc-prev")) nextSeed(s, -1);
  if (at(event, ".sc-next")) nextSeed(s, 1);
  if (at(event, ".sc-more")) {
    s.all = !s.all;
    drawDecisions(s);
  }
  if (at(event, ".sc-save")) saveMoment(s);
  if (event.detail === 0) pressCell(s, event); // by key; by hand it is a press, see `drag`
}

/**
 * @param {Scrub} s
 * @param {Event} event
 */
function pressCell(s, event) {
  const cell = at(event, ".sc-cell");
  if (cell) choose(s, { arm: cell.dataset.arm, seed: Number(cell.dataset.seed) });
}

/**
 * A press on a picture chooses it; a press that moves scrubs.
 * @param {Scrub} s
 * @param {PointerEvent} event
 */
function drag(s, event) {
  const lane = event.target instanceof Element ? event.target.closest(".sc-lane, .sc-schedule") : null;
  if (!lane || event.button) return;
  const began = event.clientX, first = s.tick, schedule = lane.matches(".sc-schedule"), box = lane.getBoundingClientRect();
  let moved = schedule;
  /** @param {PointerEvent} move */
  const follow = (move) => {
    if (!moved && Math.abs(move.clientX - began) < MOVED_PX) return;
    moved = true;
    play(s, false);
    const by = Math.round(((move.clientX - began) / box.width) * (s.axis.count - 1));
    go(s, schedule ? tickAt(s.axis, box.width, move.clientX - box.left, PAD) : first + by);
  };
  /** @param {PointerEvent} up */
  const end = (up) => {
    removeEventListener("pointermove", follow);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
    if (!moved && up.type === "pointerup") pressCell(s, event);
  };
  if (schedule) follow(event);
  addEventListener("pointermove", follow);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
}

/**
 * The wheel over the pictures scrubs; at either end it scrolls the page again.
 * @param {Scrub} s
 */
function turn(s) {
  let wheeled = 0;
  s.$(".sc-wall").addEventListener("wheel", (event) => {
    if (!s.rows.length || event.ctrlKey) return; // ctrl is the browser's own zoom
    const by = event.deltaMode ? event.deltaY * WHEEL_PX : event.deltaY || event.deltaX;
    if ((by > 0 && s.tick >= s.axis.count - 1) || (by < 0 && s.tick <= 0)) return;
    event.preventDefault();
    play(s, false);
    wheeled += by;
    const steps = Math.trunc(wheeled / WHEEL_PX);
    wheeled -= steps * WHEEL_PX;
    if (steps) go(s, s.tick + steps);
  }, { passive: false });
}

/**
 * @param {Scrub} s
 * @param {KeyboardEvent} event
 */
function keydown(s, event) {
  if (!s.rows.length || !s.element.offsetParent || typing(event, FIELDS) || withModifier(event)) return;
  if (document.querySelector(".drawer[open]")) return;
  const elsewhere = at(event, "[role=tab], #jobs"), by = onSlider(event.key, event.shiftKey), key = event.key.toLowerCase();
  if (by && !elsewhere) {
    event.preventDefault();
    play(s, false);
    go(s, s.tick + by);
  }
  if (key === " " && (at(event, ".sc-slider") || !at(event, "button, a, summary"))) {
    event.preventDefault();
    play(s, !s.playing);
  }
  if (key === "f" && !event.repeat) flick(s, true);
  if (key === "p") pin(s);
  if (key === "d") setShow(s, s.show === "difference" ? "x0" : "difference");
  if (key === "[") nextSeed(s, -1);
  if (key === "]") nextSeed(s, 1);
  const line = { arrowup: -1, arrowdown: 1 }[key];
  if (!line || elsewhere) return;
  event.preventDefault();
  nextRow(s, line);
}
