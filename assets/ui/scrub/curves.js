// When was it decided: by factor, the share of seeds whose belief already says what it ends with, for every row; and the
// list of things that were seen on the way and are gone at the end. Put before scrub.js, after scrub_schedule.js.

const CURVE = { width: 260, height: 92, left: 34, right: 8, top: 6, bottom: 12 }; // px
const FIRST = 6; // factors that have a figure of their own before more are asked for
const factorOf = (name) => table?.factors.find((factor) => factor.name === name) ?? { name, values: [] };
const titleOf = (name) => factorOf(name).title ?? name;
const thingOf = (name, value) => { const factor = factorOf(name); return factor.things?.[factor.values.indexOf(value)] ?? value; };
const WIDE = CURVE.width - CURVE.left - CURVE.right, TALL = CURVE.height - CURVE.top - CURVE.bottom;
const measureOf = (table) => (table.kind === "features" ? `as ${table.reader} sees it` : "in the model's own space"); // without an oracle
const percent = (value) => (value === null || value === undefined ? "–" : `${Math.round(100 * value)} %`);
const middle = (values) => { const s = [...values].sort((a, b) => a - b); return s.length ? s[(s.length - 1) >> 1] : null; };

// One small figure. `lines`: [{row, values, low, high, sure, commit, chance}], each value at a step of its row.
function curveFigure(title, about, lines, axis, rows, top) {
  const box = document.createElement("figure"), head = document.createElement("figcaption"), now = document.createElement("span");
  box.className = "cv";
  const name = document.createElement("b");
  name.textContent = title;
  now.className = "cv-now";
  head.append(name, now);
  if (about) { const small = document.createElement("small"); small.textContent = about; head.append(small); }
  const svg = shape("svg", { viewBox: `0 0 ${CURVE.width} ${CURVE.height}`, role: "img" });
  const x = (tick) => CURVE.left + WIDE * place(axis, tick), y = (value) => CURVE.top + TALL * (1 - Math.min(1, value / top));
  for (const value of [0, top / 2, top]) {
    svg.append(shape("line", { x1: CURVE.left, x2: CURVE.width - CURVE.right, y1: y(value), y2: y(value), class: "cv-grid" }));
    svg.append(shape("text", { x: CURVE.left - 5, y: y(value) + 3, class: "cv-mark", "text-anchor": "end" }, top === 1 ? `${Math.round(100 * value)}${value === 1 ? " %" : ""}` : value.toFixed(1)));
  }
  for (const line of lines) {
    const tone = `var(--arm-${rows[line.row].tone})`, ticks = line.values.map((_, i) => axis.tick(line.row, i));
    const upto = (i) => (i + 1 < ticks.length ? ticks[i + 1] : axis.count - 1); // a belief holds until the next one
    if (line.low && rows[line.row].arm === chosen.arm) { // one row's interval at a time: three would hide each other
      const over = line.high.map((v, i) => `${x(ticks[i])} ${y(v)} ${x(upto(i))} ${y(v)}`);
      const under = line.low.map((v, i) => `${x(upto(i))} ${y(v)} ${x(ticks[i])} ${y(v)}`).reverse();
      svg.append(shape("polygon", { points: [...over, ...under].join(" "), fill: tone, class: "cv-band" }));
    }
    for (const sure of [true, false]) { // where it does not read as a picture its labels are guesses: dashed
      let path = "", joined = false;
      line.values.forEach((value, i) => {
        if (value === null || (line.sure ? line.sure[i] >= 0.5 : true) !== sure) { joined = false; return; }
        path += `${joined ? "L" : "M"}${x(ticks[i])} ${y(value)}L${x(upto(i))} ${y(value)}`;
        joined = true;
      });
      if (path) svg.append(shape("path", { d: path, stroke: tone, class: sure ? "cv-line" : "cv-line cv-guess" }));
    }
    if (line.commit) {
      const at = x(axis.tick(line.row, middle(line.commit))), base = CURVE.height - CURVE.bottom;
      const mark = shape("path", { d: `M${at} ${base + 1}l4.5 8h-9z`, fill: tone, class: "cv-commit" });
      mark.append(shape("title", {}, `${rows[line.row].title}: decided at step ${middle(line.commit) + 1} of ${line.values.length} (median over seeds)`));
      svg.append(mark);
    }
  }
  const plot = document.createElement("div"), cursor = document.createElement("i");
  plot.className = "cv-plot";
  cursor.className = "sc-cursor";
  plot.append(svg, cursor);
  box.append(head, plot);
  const figures = lines.map((line) => {
    const part = document.createElement("i");
    part.style.color = `var(--arm-${rows[line.row].tone})`;
    now.append(part);
    return part;
  });
  return {
    box,
    move: (tick) => { cursor.style.transform = `translateX(${(x(tick) * plot.clientWidth) / CURVE.width}px)`; },
    say(tick) {
      lines.forEach((line, k) => {
        const value = line.values[axis.index(line.row, tick)];
        figures[k].textContent = top === 1 ? percent(value) : value === undefined || value === null ? "–" : value.toFixed(2);
      });
    },
  };
}

// All figures of a table (studio/capabilities/scrub/decisions.py). `all`: also the factors that are folded away at first.
function curveFigures(table, axis, rows, all) {
  const found = rows.map((row, k) => [k, table.arms[row.arm]]).filter(([k, arm]) => arm && arm.distance.q50.length === (rows[k].steps ?? []).length);
  if (table.kind !== "oracle") {
    const lines = found.map(([row, arm]) => ({ row, values: arm.distance.q50, low: arm.distance.q25, high: arm.distance.q75, commit: arm.distance.commit }));
    const top = Math.max(1.5, ...lines.flatMap((line) => line.high.filter((v) => v !== null)));
    return [curveFigure("distance to the end", `${measureOf(table)}; 1 = two samples of the prompt`, lines, axis, rows, top)];
  }
  const names = table.factors.map((factor) => factor.name), first = names.slice(0, FIRST);
  const shown = all ? [...first, ...names.filter((name) => !first.includes(name))] : first;
  const figures = shown.map((name) => {
    const factor = table.factors.find((f) => f.name === name);
    const lines = found.map(([row, arm]) => {
      const curve = arm.factors[name];
      return { row, values: curve.equal, low: curve.low, high: curve.high, commit: curve.commit, sure: arm.accepted };
    });
    return curveFigure(titleOf(name), factor.stated ? `asked for: ${factor.stated}` : "", lines, axis, rows, 1);
  });
  if (all) {
    const lines = found.map(([row, arm]) => ({ row, values: arm.accepted }));
    figures.push(curveFigure("reads as a picture", "share the oracle takes for a scene", lines, axis, rows, 1));
  }
  return figures;
}

// What the table says in words, as parts of a sentence: strings, and [row] for a row's name.
function decidedWords(table, rows) {
  const here = rows.filter((row) => table.arms[row.arm] && (!row.branch || row.arm === chosen.arm)).slice(0, 4);
  const step = (row, at) => `step ${at + 1} of ${row.steps.length}`;
  const listed = (of) => here.flatMap((row, k) => [k ? (k === here.length - 1 ? " and " : ", ") : "", `${of(row)} for `, [row]]);
  if (table.kind !== "oracle")
    return [`Half way to its end for good, ${measureOf(table)}, of what two of the teacher's samples differ by: `, ...listed((row) => step(row, middle(table.arms[row.arm].distance.commit))), "."];
  const open = table.factors.filter((factor) => !factor.stated).map((factor) => factor.name);
  const commit = (row) => middle(open.flatMap((name) => table.arms[row.arm].factors[name].commit));
  const clear = (row) => { const at = table.arms[row.arm].accepted.map((share) => share < 0.5).lastIndexOf(true) + 1; return at < row.steps.length ? step(row, at) : "no step"; };
  const chance = middle(here.flatMap((row) => open.map((name) => table.arms[row.arm].factors[name].chance[0])).filter((x) => x !== null));
  return ["What the prompt leaves open has its last value for good from ", ...listed((row) => `${step(row, commit(row))} (${percent((commit(row) + 1) / row.steps.length)} of the way)`),
    ", median over seeds and factors. Half of the pictures can be read from ", ...listed(clear), " on; before that the oracle guesses",
    chance === null || chance === undefined ? "." : `, and a guess is right ${percent(chance)} of the time.`];
}

function goneWords(item, kind) {
  if (kind !== "oracle") return [`seed ${item.seed}`, `near its end at step ${item.near + 1}, far from it again at step ${item.strongest + 1}`];
  const steps = item.first === item.last ? `at step ${item.first + 1}` : `from step ${item.first + 1} to ${item.last + 1}`;
  return [`seed ${item.seed}`, `${thingOf(item.factor, item.value)} ${steps}, ${thingOf(item.factor, item.end)} at the end`];
}
