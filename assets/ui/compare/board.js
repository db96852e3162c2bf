// The board: state, progress, the computed sentence and the seed wall (rows = arms, columns = seeds).
// value = RunView.board() (studio/ui/compare/view.py), or {run: null, illustration: {...}} before the first run.
// The template holds no value, so this file patches the page in place: pictures already shown never reload.

const $ = (selector, from = element) => from.querySelector(selector);
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const file = (run, path) => `run-file/${run}/${path}`;
const say = (node, text) => { if (node.textContent !== text) node.textContent = text; };

const SENTENCES = 3; // shown below the headline; more of them wait behind a click

let view = null;      // the value drawn last
let wallKey = "";     // run, arms and seeds the wall was built for
let cells = {};       // "arm/seed" -> button
let metas = {};       // arm -> label cell
let selected = { seed: null, left: null, right: null };

// The compare stage is another component; it listens to this one.
const share = () => document.dispatchEvent(new CustomEvent("studio:view", { detail: { view, selected } }));
document.addEventListener("studio:hello", () => view?.run && share());
document.addEventListener("studio:select", (event) => { Object.assign(selected, event.detail); mark(); share(); });

function drawGlyph(holder, glyph) {
  holder.replaceChildren();
  for (const [role, count] of glyph) {
    if (count > 8) {
      const bar = make("i", `g-run g-${role}`);
      bar.append(make("span", "", `×${count}`));
      holder.append(bar);
    } else for (let k = 0; k < count; k++) holder.append(make("i", `g-step g-${role}`));
  }
}

function buildWall() {
  const wall = $(".wall");
  wall.replaceChildren();
  cells = {}; metas = {};
  const n = view.seeds.length;
  wall.style.setProperty("--n", n);
  wall.style.setProperty("--least", n <= 10 ? "76px" : n <= 20 ? "62px" : "50px");
  wall.append(make("div", "w-corner", "seed"));
  for (const seed of view.seeds) {
    const head = make("div", "w-seed", seed);
    head.dataset.seed = seed;
    wall.append(head);
  }
  for (const row of view.rows) {
    const meta = make("div", "w-meta");
    meta.style.setProperty("--tone", `var(--arm-${row.tone})`);
    meta.title = row.meaning;
    const name = make("div", "w-name");
    name.append(make("b", "", row.title), make("span", "glyph"));
    meta.append(name, make("div", "w-figures"));
    drawGlyph($(".glyph", meta), row.glyph);
    metas[row.arm] = meta;
    wall.append(meta);
    view.seeds.forEach((seed, column) => {
      const cell = make("button", "w-cell");
      cell.type = "button";
      cell.dataset.arm = row.arm; cell.dataset.seed = seed; cell.dataset.column = column;
      cell.style.setProperty("--tone", `var(--arm-${row.tone})`);
      cell.setAttribute("aria-label", `${row.title}, seed ${seed}: not drawn yet`);
      cells[`${row.arm}/${seed}`] = cell;
      wall.append(cell);
    });
  }
  const arms = view.rows.map((row) => row.arm);
  const has = (arm) => arms.includes(arm);
  const left = has("teacher") ? "teacher" : arms[0];
  const right = has("student") && left !== "student" ? "student" : arms.find((arm) => arm !== left) ?? left;
  selected = { seed: view.seeds[0], left, right };
}

function drawFigures(meta, row) {
  const box = $(".w-figures", meta);
  if (!row.figures) {
    const drawn = Object.keys(row.images).length;
    const strip = row.strip;
    const text = drawn ? `${drawn} of ${view.seeds.length} drawn`
      : strip ? `step ${strip.step} of ${strip.steps}` : view.live ? "waiting" : "not drawn";
    if (box.textContent !== text) box.replaceChildren(make("span", "w-wait", text));
    return;
  }
  const f = row.figures, key = JSON.stringify(f);
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  box.replaceChildren();
  for (const [label, value, ci] of [["diversity", f.diversity, f.diversity_ci], ["accuracy", f.accuracy, f.accuracy_ci]]) {
    const line = make("div", "w-figure");
    line.append(make("span", "", label), make("b", "", value), make("small", "", ci));
    box.append(line);
  }
  box.append(make("div", "w-cost", `${f.nfe} NFE · ${f.seconds}`));
}

function drawCell(row, seed) {
  const cell = cells[`${row.arm}/${seed}`];
  const path = row.images[seed];
  if (!path) return;
  if (cell.dataset.path === path) return;
  cell.dataset.path = path;
  const image = new Image();
  image.alt = `${row.title}, seed ${seed}: ${view.prompt}`;
  image.draggable = true;
  image.onload = () => { cell.replaceChildren(image); cell.dataset.done = "1"; cell.style.backgroundImage = ""; };
  image.src = file(view.run, path);
  cell.setAttribute("aria-label", `${row.title}, seed ${seed}`);
}

// One JPEG holds this step of every seed side by side. It is shown only once loaded, so that a slow line drops
// previews instead of blinking.
function drawStrip(row) {
  const strip = row.strip;
  if (!strip || metas[row.arm].dataset.strip === strip.strip) return;
  metas[row.arm].dataset.strip = strip.strip;
  const url = file(view.run, strip.strip), run = view.run, step = strip.step;
  const image = new Image();
  image.onload = () => {
    if (!view || view.run !== run || +(metas[row.arm].dataset.step ?? -1) > step) return;
    metas[row.arm].dataset.step = step;
    view.seeds.forEach((seed, column) => {
      const cell = cells[`${row.arm}/${seed}`];
      if (!cell || cell.dataset.done || column >= strip.count) return;
      cell.dataset.preview = "1";
      cell.style.backgroundImage = `url("${url}")`;
      cell.style.backgroundSize = `${strip.count * 100}% 100%`;
      cell.style.backgroundPosition = `${strip.count > 1 ? (100 * column) / (strip.count - 1) : 0}% 0`;
    });
  };
  image.src = url;
}

function mark() {
  const { seed, left, right } = selected;
  for (const head of element.querySelectorAll(".w-seed")) head.classList.toggle("on", +head.dataset.seed === +seed);
  for (const cell of Object.values(cells)) {
    const here = +cell.dataset.seed === +seed;
    cell.classList.toggle("on", here && (cell.dataset.arm === left || cell.dataset.arm === right));
    cell.classList.toggle("column", here);
    cell.tabIndex = here && cell.dataset.arm === right ? 0 : -1;
    cell.setAttribute("aria-pressed", here && (cell.dataset.arm === left || cell.dataset.arm === right));
  }
}

// Words of the headline that name an arm wear its colour.
function drawHeadline() {
  const whole = (sentence) => sentence.replace(/(\d) %/g, "$1\u00a0%"); // a figure keeps its sign on one line
  const box = $(".b-headline"), text = whole(view.headline.lead);
  if (box.dataset.text === text) return;
  box.dataset.text = text;
  box.dataset.tone = view.headline.tone;
  const hybrid = view.rows.find((row) => row.arm.startsWith("hybrid"))?.tone ?? "hybrid-1";
  const tones = { teacher: "teacher", student: "student", hybrid, "skip-first": "skip-first", "skip first": "skip-first" };
  const colour = (holder, words) => {
    holder.replaceChildren();
    for (const part of words.split(/\b(teacher|student|hybrid|skip-first|skip first)\b/i)) {
      const tone = view.headline.tone !== "pending" && tones[part.toLowerCase()];
      if (!tone) holder.append(part);
      else { const span = make("span", "named", part); span.style.setProperty("--tone", `var(--arm-${tone})`); holder.append(span); }
    }
  };
  colour(box, text);
  const rest = $(".b-rest");
  rest.replaceChildren();
  const more = make("details");
  more.append(make("summary", "", `${view.headline.rest.length - SENTENCES} more`));
  view.headline.rest.forEach((sentence, i) => {
    const item = make("li");
    colour(item, whole(sentence));
    (i < SENTENCES || view.headline.rest.length === SENTENCES + 1 ? rest : more).append(item);
  });
  if (more.childElementCount > 1) rest.append(more);
}

function drawEmpty(illustration) {
  const box = $(".b-empty .e-rows");
  if (!illustration || box.childElementCount) return;
  for (const row of illustration.rows) {
    const line = make("div", "e-row");
    line.style.setProperty("--tone", `var(--arm-${row.tone})`);
    line.append(make("b", "", row.title));
    for (const source of row.images) { const image = new Image(); image.src = source; image.alt = ""; line.append(image); }
    box.append(line);
  }
}

function draw() {
  view = props.value;
  const board = $(".board");
  if (!view?.run) {
    board.dataset.state = "empty";
    drawEmpty(view?.illustration);
    return;
  }
  board.dataset.state = view.state;
  say($(".b-chip"), view.status.word);
  say($(".b-text"), view.status.text);
  $(".b-scrub").hidden = view.live || !view.rows.some((row) => Object.keys(row.images).length);
  const p = view.progress;
  const percent = view.state === "done" ? 100 : p?.total ? (100 * p.done) / p.total : 0;
  $(".b-bar i").style.width = `${percent}%`;
  $(".b-bar").setAttribute("aria-valuenow", Math.round(percent));
  document.title = (view.live ? `${Math.round(percent)} % · ` : "") + "Distillation Studio";
  const notices = $(".b-notices");
  if (notices.dataset.key !== view.notices.join("|")) {
    notices.dataset.key = view.notices.join("|");
    notices.replaceChildren(...view.notices.map((text) => make("li", "", text)));
  }
  drawHeadline();
  const key = JSON.stringify([view.run, view.seeds, view.rows.map((row) => row.arm)]);
  if (key !== wallKey) {
    wallKey = key;
    buildWall();
    const here = new URL(location.href);
    if (here.searchParams.get("run") !== view.run) { here.searchParams.set("run", view.run); history.replaceState(null, "", here); }
    try { localStorage.setItem("studio:run", view.run); } catch { /* private mode */ }
    if (view.live && innerWidth <= 820) element.scrollIntoView({ behavior: "smooth", block: "start" });
  }
  for (const row of view.rows) {
    drawFigures(metas[row.arm], row);
    drawStrip(row);
    for (const seed of view.seeds) drawCell(row, seed);
    const active = view.live && p?.arm === row.arm;
    metas[row.arm].classList.toggle("active", Boolean(active));
  }
  mark();
  share();
}

function choose(cell) {
  const { arm, seed } = cell.dataset;
  selected.seed = +seed;
  if (arm !== selected.left) selected.right = arm;
  mark();
  share();
}

element.addEventListener("click", (event) => {
  const cell = event.target.closest(".w-cell");
  if (cell) return choose(cell);
  if (event.target.closest(".b-scrub")) return trigger("scrub", { run: view.run });
  const head = event.target.closest(".w-seed");
  if (head) { selected.seed = +head.dataset.seed; mark(); share(); }
});

// Arrow keys walk the wall.
element.addEventListener("keydown", (event) => {
  const cell = event.target.closest(".w-cell");
  const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!cell || !move) return;
  event.preventDefault();
  const arms = view.rows.map((row) => row.arm);
  const clamp = (x, n) => Math.max(0, Math.min(n - 1, x));
  const seed = view.seeds[clamp(+cell.dataset.column + move[0], view.seeds.length)];
  const arm = arms[clamp(arms.indexOf(cell.dataset.arm) + move[1], arms.length)];
  const next = cells[`${arm}/${seed}`];
  choose(next);
  next.focus();
});

draw();
watch("value", draw);
