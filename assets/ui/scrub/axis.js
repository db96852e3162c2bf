// The axis all of a scrub stands on: ticks of the slider, and which step of every row belongs to each. Put before scrub.js.
//
// By noise level: a tick for every level at which some row was evaluated, falling; a row shows the last belief it had by
// then, so that a student's first of four stands beside the teacher's first dozen of fifty. By step number: plain counting.

const SAME = 1e-4; // levels nearer than this, as a ratio, are one
const levelOf = (step) => (step.level === null ? Infinity : step.level);

function axisOf(rows, sync) {
  const all = rows.map((row) => row.steps ?? []);
  if (sync === "step") {
    const count = Math.max(1, ...all.map((steps) => steps.length));
    return {
      sync, count, levels: null,
      index: (row, tick) => (all[row].length ? Math.min(tick, all[row].length - 1) : -1),
      tick: (row, index) => index,
    };
  }
  const found = all.flat().map(levelOf).sort((a, b) => b - a);
  const levels = found.filter((level, k) => !k || !(level === found[k - 1] || level > found[k - 1] * (1 - SAME)));
  const count = Math.max(1, levels.length);
  const places = all.map((steps) => { // row -> tick -> its step, -1 before it begins
    let at = -1;
    return levels.map((level) => {
      while (at + 1 < steps.length && levelOf(steps[at + 1]) >= level * (1 - SAME)) at++;
      return at;
    });
  });
  return { sync, count, levels, index: (row, tick) => places[row]?.[tick] ?? -1, tick: (row, index) => Math.max(0, places[row].indexOf(index)) };
}

const place = (axis, tick) => (axis.count > 1 ? tick / (axis.count - 1) : 0); // 0 left … 1 right
const written = (x) => (x === Infinity ? "∞" : x >= 10 ? x.toFixed(1) : x >= 0.1 ? x.toFixed(2) : x.toPrecision(2));
