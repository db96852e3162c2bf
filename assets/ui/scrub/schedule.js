// The schedule: a lane a row, a dot a step, in the colour of whoever takes it; where another model takes over, a bar.
import { noise } from "../kit/numbers.js";
import { acrossTrack, levelOf } from "./axis.js";
import { shape } from "./shapes.js";

/** @typedef {import("./axis.js").Axis} Axis */
/** @typedef {import("./types.js").Laid} Laid */

export const PAD = 9; // px; half the slider's thumb, so that dots stand where the thumb does
const LANE = 16, FOOT = 17, MARK = 13, MARK_APART = 96, DENSE = 24; // px; DENSE: steps of a row from which dots are small

/**
 * @param {SVGSVGElement} svg
 * @param {Laid[]} rows
 * @param {Axis} axis
 * @param {number} width px
 * @param {(model: string) => string} role "teacher" or "student"
 */
export function drawSchedule(svg, rows, axis, width, role) {
  const height = rows.length * LANE + FOOT;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.height = `${height}px`;
  /** @param {number} tick */
  const x = (tick) => acrossTrack(axis, width, tick, PAD);
  const lanes = rows.flatMap((row, k) => lane(row, k, (index) => x(axis.tick(k, index)), width, role));
  svg.replaceChildren(...lanes, ...marks(axis, x, rows.length * LANE + MARK, width));
}

/**
 * @param {Laid} row
 * @param {number} k
 * @param {(index: number) => number} x
 * @param {number} width
 * @param {(model: string) => string} role
 */
function lane(row, k, x, width, role) {
  const y = k * LANE + LANE / 2, { steps, branch } = row, half = LANE * 0.42;
  /**
   * @param {number} at
   * @param {string} className
   */
  const bar = (at, className) => shape("line", { x1: at, x2: at, y1: y - half, y2: y + half, class: className });
  const dots = steps.flatMap((step, i) => {
    const at = x(i), past = branch && i < branch.step, over = i && step.model !== steps[i - 1].model;
    const className = `sch-dot sch-${role(step.model)}${past ? " past" : ""}`;
    const dot = shape("circle", { cx: at, cy: y, r: steps.length > DENSE ? 2.2 : 3.6, class: className });
    const where = `t = ${Number(step.t.toFixed(1))}, noise level ${noise(levelOf(step))}`;
    dot.append(shape("title", {}, `${row.title}, step ${i + 1} of ${steps.length}: ${where}, ${step.model}`));
    return over ? [bar(at, "sch-over"), dot] : [dot];
  });
  // drawn dimmer up to where it leaves its parent
  const leaves = branch ? [bar(x(Math.min(branch.step, steps.length - 1)), "sch-branch")] : [];
  return [shape("line", { x1: PAD, x2: width - PAD, y1: y, y2: y, class: "sch-lane" }), ...leaves, ...dots];
}

/**
 * @param {Axis} axis
 * @param {(tick: number) => number} x
 * @param {number} y
 * @param {number} width
 */
function marks(axis, x, y, width) {
  const wanted = Math.max(2, Math.min(axis.count, Math.floor(width / MARK_APART)));
  return Array.from({ length: wanted }, (_, k) => {
    const tick = Math.round((k * (axis.count - 1)) / Math.max(1, wanted - 1));
    const text = axis.levels ? noise(axis.levels[tick]) : String(tick + 1);
    const anchor = k === 0 ? "start" : k === wanted - 1 ? "end" : "middle";
    return shape("text", { x: x(tick), y, class: "sch-mark", "text-anchor": anchor }, text);
  });
}
