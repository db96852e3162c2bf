// A preference tuning as it goes on: what board.js shows, and curves of winner and loser, of pairs told apart and of the reward.
// value = PreferenceView.board(), or {run: null}.
import { make, rebuild } from "../kit/dom.js";
import { Board } from "./board.js";
import { form } from "./preference_form.js";

/** @typedef {{ name: string, points: [step: number, value: number][] }} Line */
/** @typedef {{ title: string, lines: Line[] }} Curve */

const WIDE = 240, HIGH = 72, SVG = "http://www.w3.org/2000/svg";

/**
 * Corners of a line in a panel, as the attribute of a polyline. No page needed.
 * @param {Line["points"]} points
 * @param {{ left: number, right: number, low: number, high: number }} range
 */
export function corners(points, { left, right, low, high }) {
  const x = (/** @type {number} */ step) => (WIDE * (step - left)) / (right - left || 1);
  const y = (/** @type {number} */ value) => HIGH - (HIGH * (value - low)) / (high - low || 1);
  return points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
}

/** @param {number} value */
const short = (value) => String(Number(value.toPrecision(3)));

/** @param {Curve} curve */
function panel({ title, lines }) {
  const box = make("figure", "p-curve"), head = make("figcaption", "", title), svg = document.createElementNS(SVG, "svg");
  const points = lines.flatMap((line) => line.points), steps = points.map(([step]) => step);
  const values = points.map(([, value]) => value);
  const range = { left: Math.min(...steps), right: Math.max(...steps), low: Math.min(...values), high: Math.max(...values) };
  svg.setAttribute("viewBox", `0 -2 ${WIDE} ${HIGH + 4}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${title}, from ${short(range.low)} to ${short(range.high)}`);
  for (const line of lines) {
    const drawn = document.createElementNS(SVG, "polyline");
    drawn.setAttribute("points", corners(line.points, range));
    drawn.setAttribute("class", `p-line-${line.name}`);
    svg.append(drawn);
  }
  const last = lines.map((line) => `${line.name} ${short(line.points[line.points.length - 1][1])}`).join(", ");
  box.append(head, svg, make("small", "", `${last} at step ${range.right.toLocaleString("en")}`));
  return box;
}

class PreferenceBoard extends Board {
  /** @param {import("../kit/part.js").Host<import("./board.js").Value>} host */
  constructor(host) {
    super(host, { called: "preference", form, returned: "preference-returned" });
  }

  /** @override */
  draw() {
    super.draw();
    const curves = /** @type {{ curves?: Curve[] } | null} */ (this.view)?.curves ?? [], box = this.$(".p-curves");
    box.hidden = !curves.length;
    rebuild(box, JSON.stringify(curves), () => curves.map(panel));
  }
}

/** @param {import("../kit/part.js").Host<import("./board.js").Value>} host */
export const mount = (host) => void new PreferenceBoard(host);
