// What of a picture is the subject: a mask that was brought, or a rectangle that is drawn on the picture. Everything else is
// shown dark while masks are shown.
import { attr, button, make } from "../kit/dom.js";

/** @typedef {{ file: string, name: string, of: string, thumb: string, size: string }} Brought of: its name without the ending */
/** @typedef {[left: number, top: number, right: number, bottom: number]} Box shares of the middle square */
/** @typedef {Brought & { mask: Brought | null, box: Box | null }} Masked */

const WHOLE = /** @type {Box} */ ([0.25, 0.25, 0.75, 0.75]), LEAST = 0.04, STEP = 0.02;

/**
 * Gives masks to the pictures of their names; those that are of none. No page needed.
 * @template {Masked} T
 * @param {T[]} pictures
 * @param {Brought[]} masks
 */
export function attach(pictures, masks) {
  return masks.filter((mask) => {
    const own = pictures.findLast((one) => one.of === mask.of);
    if (own) Object.assign(own, { mask, box: null });
    return !own;
  });
}

/**
 * The rectangle between two places, which may be outside; null where it is too small to be meant. No page needed.
 * @param {[x: number, y: number]} from
 * @param {[x: number, y: number]} to
 * @returns {Box | null}
 */
export function between(from, to) {
  const [xs, ys] = [0, 1].map((i) => [from[i], to[i]].map((at) => Math.min(1, Math.max(0, at))).sort((a, b) => a - b));
  return xs[1] - xs[0] < LEAST || ys[1] - ys[0] < LEAST ? null : [xs[0], ys[0], xs[1], ys[1]];
}

/**
 * The rectangle after an arrow key: moved, or with Shift its lower right corner moved; null for another key. No page needed.
 * @param {Box} box
 * @param {string} key
 * @param {boolean} corner
 * @returns {Box | null}
 */
export function pushed(box, key, corner) {
  const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[key];
  if (!by) return null;
  const [left, top, right, bottom] = box, to = [right + by[0], bottom + by[1]], from = [left + by[0], top + by[1]];
  if (corner) return between([left, top], [to[0], to[1]]) ?? box;
  return from[0] < 0 || from[1] < 0 || to[0] > 1 || to[1] > 1 ? box : [from[0], from[1], to[0], to[1]];
}

/**
 * A mask over a picture: what it leaves out is dark.
 * @param {string} src
 */
export const veil = (src) => Object.assign(new Image(), { src, alt: "", className: "p-veil" });

/**
 * The picture with its mask. marking: whether a rectangle is drawn on it now.
 * @param {Masked} one
 * @param {{ shown: boolean, marking: boolean, changed: () => void }} how changed: called after every change of its rectangle
 */
export function shot(one, { shown, marking, changed }) {
  const place = make("div", `p-shot${marking ? " p-marking" : ""}`);
  place.append(Object.assign(new Image(), { src: one.thumb, alt: one.name, draggable: false }));
  if (one.mask && shown && !marking) place.append(veil(one.mask.thumb));
  const box = make("i", "p-box");
  place.append(box);
  const draw = () => {
    box.hidden = !one.box || !(shown || marking);
    const [left, top, right, bottom] = one.box ?? WHOLE;
    box.style.inset = [top, 1 - right, 1 - bottom, left].map((share) => `${100 * share}%`).join(" ");
  };
  draw();
  if (!marking) return place;
  place.tabIndex = 0;
  attr(place, "role", "application");
  attr(place, "aria-label", `Mark the subject in ${one.name}: drag, or arrow keys; with Shift they change its size`);
  /** @param {Box} found */
  const mark = (found) => {
    Object.assign(one, { box: found, mask: null });
    draw();
    changed();
  };
  place.addEventListener("pointerdown", (event) => {
    const reach = place.getBoundingClientRect();
    /** @param {PointerEvent} now @returns {[number, number]} */
    const at = (now) => [(now.clientX - reach.left) / reach.width, (now.clientY - reach.top) / reach.height];
    const from = at(event);
    place.setPointerCapture(event.pointerId);
    place.onpointermove = (now) => {
      const found = between(from, at(now));
      if (found) mark(found);
    };
  });
  const end = () => void (place.onpointermove = null);
  place.addEventListener("pointerup", end);
  place.addEventListener("pointercancel", end);
  place.addEventListener("keydown", (event) => {
    const found = pushed(one.box ?? WHOLE, event.key, event.shiftKey);
    if (!found) return;
    event.preventDefault();
    mark(found);
  });
  return place;
}

/**
 * What can be done with a picture's mask.
 * @param {Masked} one
 * @param {boolean} marking
 * @param {{ mark: (on: boolean) => void, clear: () => void }} then
 */
export function deeds(one, marking, then) {
  const marked = Boolean(one.mask || one.box), text = marking ? "done" : marked ? "mark anew" : "mark the subject";
  const mark = button("p-out p-mark", text), none = button("p-out p-unmark", "no mask");
  mark.addEventListener("click", () => then.mark(!marking));
  none.addEventListener("click", () => then.clear());
  return marked ? [mark, none] : [mark];
}
