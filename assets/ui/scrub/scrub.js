// The scrubber: rows = arms, columns = seeds, one slider for all. value = ScrubView.board() (studio/ui/scrub/view.py).
// Everything happens here, on strips already sent: one canvas a row, drawn in the next animation frame. The same script runs
// in an exported file, where `window.studioScrubFiles` holds the strips. Needs the other scrub_*.js before it.

const $ = (selector, from = element) => from.querySelector(selector);
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const say = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const root = $(".scrub");
const kept = window.studioScrubFiles ?? null; // path -> base64, in an exported file
const decoded = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

const MOVED = 4, WHEEL = 40; // px before a press is a drag, of wheel a step
const SAY_MS = 70, REST_MS = 800; // between changes of small print while it moves; at the end while playing
const FLICKER_MS = 420;

let view = null, axis = null, built = "", rows = [], parts = [], large = [];
let tick = 0, sync = "noise", show = "x0", against = "end", pin = null, flick = false, flickTimer = null;
let chosen = { arm: null, seed: null }, playing = null, frame = 0, saidAt = 0, sayTimer = null;
let table = null, tableFrom = "", figures = [], all = false;
let home = ""; // the run whose files are shown: while a branch waits, still the run it leaves

async function load(path) {
  if (kept) return new Blob([decoded(kept[path])], { type: "image/jpeg" });
  const answer = await fetch(`run-file/${home}/${path}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.blob();
}
const strips = stripStore(load, () => { root.dataset.ready = strips.count; redraw(); gonePictures(); });

const n = () => view.seeds.length;
const role = (model) => view.models?.[model]?.role ?? "student";
const last = (row) => (rows[row].steps ?? []).length - 1;
const rowOf = (arm) => Math.max(0, rows.findIndex((row) => row.arm === arm));

// -- which picture

// (row, step) to draw for a row: its own at the slider, or while flickering what it is held against.
function target(row) {
  if (!flick) return [row, axis.index(row, tick)];
  if (against === "end") return [row, last(row)];
  if (against === "pin") return [row, axis.index(row, Math.min(pin ?? 0, axis.count - 1))];
  const other = rowOf(against);
  return [other, axis.index(other, tick)];
}

// The bitmap of a step; while it is not there yet, the nearest one that is.
function bitmapOf(row, index, noisy = false) {
  const paths = (noisy ? rows[row].noisy : rows[row].strips) ?? [];
  const exact = strips.get(paths[index]);
  if (exact) return [exact, index];
  for (let away = 1; away < paths.length; away++)
    for (const at of [index - away, index + away]) {
      const near = at >= 0 && strips.get(paths[at]);
      if (near) return [near, at];
    }
  return [null, -1];
}

// -- drawing

function redraw() { if (!frame) frame = requestAnimationFrame(drawNow); }

function drawNow() {
  frame = 0;
  if (!rows.length || !axis || !strips.form) return;
  parts.forEach((part, row) => drawRow(part, row));
  large.forEach((part, row) => drawLarge(part, row));
  const width = $(".sc-track").clientWidth;
  $(".sc-track .sc-cursor").style.transform = `translateX(${acrossTrack(axis, width, tick)}px)`;
  for (const figure of figures) figure.move(tick);
  const wait = SAY_MS - (performance.now() - saidAt);
  if (wait <= 0) small();
  else sayTimer ??= setTimeout(small, wait);
}

// Puts the picture of a row's step on a canvas; `copy(bitmap)` says which part goes where. Returns the step that was there.
function paint(ctx, row, copy) {
  const [from, index] = target(row), [bitmap, at] = index < 0 ? [null, -1] : bitmapOf(from, index, show === "noisy");
  ctx.globalCompositeOperation = "copy";
  if (!bitmap) { ctx.clearRect(0, 0, ctx.canvas.width, ctx.canvas.height); return at; }
  copy(bitmap);
  const end = show === "difference" && strips.get(rows[from].strips?.[last(from)]);
  if (end) {
    ctx.globalCompositeOperation = "difference";
    copy(end);
    ctx.globalCompositeOperation = "lighter";
    ctx.drawImage(ctx.canvas, 0, 0);
  }
  return at;
}

function fit(canvas, width, height) { if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; } }

function drawRow(part, row) {
  const { side, gap, columns } = strips.form, lines = Math.ceil(n() / columns);
  fit(part.canvas, columns * (side + gap) - gap, lines * (side + gap) - gap);
  part.shown = paint(part.ctx, row, (bitmap) => part.ctx.drawImage(bitmap, 0, 0));
}

function drawLarge(part, row) {
  const form = strips.form, k = view.seeds.indexOf(chosen.seed), { side } = form;
  fit(part.canvas, side, side);
  paint(part.ctx, row, (bitmap) => part.ctx.drawImage(bitmap, cellX(form, k), cellY(form, k), side, side, 0, 0, side, side));
}

// Words and figures follow a little later than pictures.
function small() {
  clearTimeout(sayTimer);
  sayTimer = null;
  saidAt = performance.now();
  if (!rows.length || !axis) return;
  rows.forEach((row, k) => {
    const index = axis.index(k, tick), steps = row.steps ?? [], step = steps[index];
    const shown = parts[k].shown, off = shown >= 0 && index >= 0 && shown !== index && !flick;
    const text = !steps.length ? "waiting" : !step ? "not begun" : `step ${index + 1} of ${steps.length}`;
    say(parts[k].at, off ? `${text}, showing ${shown + 1}` : text);
    say(parts[k].where, step ? `t ${+step.t.toFixed(1)} · ${step.nfe} NFE` : "");
    parts[k].at.classList.toggle("off", off);
    parts[k].canvas.setAttribute("aria-label", `${row.title}, ${text}: ${view.prompt}`);
  });
  say($(".sc-now"), axis.levels ? `noise ${written(axis.levels[tick] ?? 0)}` : `step ${tick + 1}`);
  $(".sc-slider").setAttribute("aria-valuetext", axis.levels ? `noise level ${written(axis.levels[tick] ?? 0)}` : `step ${tick + 1}`);
  for (const figure of figures) figure.say(tick);
  from();
  reads();
  root.dataset.tick = tick;
}

// -- moving

function go(to) {
  const at = Math.max(0, Math.min(axis.count - 1, to));
  if (at === tick) return;
  tick = at;
  const slider = $(".sc-slider");
  if (+slider.value !== tick) slider.value = tick;
  redraw();
}

function play(on) {
  if (playing) cancelAnimationFrame(playing);
  playing = null;
  $(".sc-play").dataset.on = on ? "1" : "";
  $(".sc-play").setAttribute("aria-pressed", on);
  if (!on || !axis) return;
  if (tick >= axis.count - 1) go(0);
  let since = performance.now(), rest = 0;
  const step = (now) => {
    if (!element.isConnected || !axis) return play(false);
    if (!element.offsetParent) { since = now; playing = requestAnimationFrame(step); return; }
    const each = 1000 / +$(".sc-speed").value;
    if (tick >= axis.count - 1) { rest ||= now; if (now - rest > REST_MS) { rest = 0; since = now; go(0); } }
    else { const by = Math.floor((now - since) / each); if (by) { since += by * each; go(tick + by); } }
    playing = requestAnimationFrame(step);
  };
  playing = requestAnimationFrame(step);
}

function setFlick(on) { if (flick !== on) { flick = on; root.classList.toggle("flick", on); redraw(); small(); } }
function autoFlick(on) {
  clearInterval(flickTimer);
  flickTimer = on ? setInterval(() => (element.isConnected ? setFlick(!flick) : autoFlick(false)), FLICKER_MS) : null;
  $(".sc-flicker").setAttribute("aria-pressed", on);
  setFlick(false);
}

function choose(arm, seed) {
  const other = arm && arm !== chosen.arm;
  chosen = { arm: arm ?? chosen.arm, seed: seed ?? chosen.seed };
  mark();
  if (other && table) drawCurves(); // the chosen row's intervals are drawn
  redraw();
  small();
}
function nextSeed(by) {
  const at = view.seeds.indexOf(chosen.seed) + by;
  if (at >= 0 && at < n()) choose(null, view.seeds[at]);
}

function setSync(value) {
  if (!axis) return;
  const before = axis, level = axis?.levels?.[tick], index = axis ? axis.index(rowOf(chosen.arm), tick) : 0;
  sync = value;
  axis = axisOf(rows, sync);
  const row = rowOf(chosen.arm);
  if (before && index >= 0 && last(row) >= 0) tick = axis.tick(row, Math.min(index, last(row)));
  if (level !== undefined && axis.levels) tick = nearest(level);
  tick = Math.max(0, Math.min(axis.count - 1, tick));
  layout();
}
// The tick of a noise level, or the last one before it.
function nearest(level) {
  let at = 0;
  axis.levels.forEach((one, k) => { if (one >= level * (1 - SAME)) at = k; });
  return at;
}

function setShow(value) {
  if (value === "noisy" && !rows.some((row) => row.noisy?.some(Boolean))) {
    if (!kept && !view.live) trigger("states", { run: view.run });
    return;
  }
  show = value;
  options();
  want();
  redraw();
}
