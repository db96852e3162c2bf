// The schedule: a lane a row, a dot a step, in the colour of whoever takes it; where another model takes over, a bar.
// Put before scrub.js, after scrub_axis.js.

const LANE = 16, PAD = 9, FOOT = 17; // px; PAD is half the slider's thumb, so that dots stand where the thumb does
const SVG = "http://www.w3.org/2000/svg";
const shape = (tag, attributes, text) => {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
};

// `role(model)` is "teacher" or "student"; `x` goes from 0 to `width`.
function drawSchedule(svg, rows, axis, width, role) {
  const height = rows.length * LANE + FOOT;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.height = `${height}px`;
  const x = (tick) => acrossTrack(axis, width, tick);
  const parts = [];
  rows.forEach((row, k) => {
    const y = k * LANE + LANE / 2, steps = row.steps ?? [];
    parts.push(shape("line", { x1: PAD, x2: width - PAD, y1: y, y2: y, class: "sch-lane" }));
    if (row.branch) { // drawn dimmer up to where it leaves its parent
      const from = x(axis.tick(k, Math.min(row.branch.step, steps.length - 1)));
      parts.push(shape("line", { x1: from, x2: from, y1: y - LANE * 0.42, y2: y + LANE * 0.42, class: "sch-branch" }));
    }
    steps.forEach((step, i) => {
      const at = x(axis.tick(k, i)), past = row.branch && i < row.branch.step;
      if (i && step.model !== steps[i - 1].model)
        parts.push(shape("line", { x1: at, x2: at, y1: y - LANE * 0.42, y2: y + LANE * 0.42, class: "sch-over" }));
      const dot = shape("circle", { cx: at, cy: y, r: steps.length > 24 ? 2.2 : 3.6, class: `sch-dot sch-${role(step.model)}${past ? " past" : ""}` });
      dot.append(shape("title", {}, `${row.title}, step ${i + 1} of ${steps.length}: t = ${+step.t.toFixed(1)}, noise level ${written(levelOf(step))}, ${step.model}`));
      parts.push(dot);
    });
  });
  parts.push(...marks(axis, x, rows.length * LANE + 13, width));
  svg.replaceChildren(...parts);
}

function marks(axis, x, y, width) {
  const wanted = Math.max(2, Math.min(axis.count, Math.floor(width / 96))), out = [];
  for (let k = 0; k < wanted; k++) {
    const tick = Math.round((k * (axis.count - 1)) / Math.max(1, wanted - 1));
    const text = axis.levels ? written(axis.levels[tick]) : String(tick + 1);
    out.push(shape("text", { x: x(tick), y, class: "sch-mark", "text-anchor": k === 0 ? "start" : k === wanted - 1 ? "end" : "middle" }, text));
  }
  return out;
}

// Pixels from the left at which a tick stands.
const acrossTrack = (axis, width, tick) => PAD + Math.max(1, width - 2 * PAD) * place(axis, tick);
