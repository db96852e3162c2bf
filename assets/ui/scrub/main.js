// The scrubber's events, and what happens when the run moved on. Continues scrub.js and scrub_wall.js.

// -- branch, curves, things that are gone

function from() {
  const row = rows[rowOf(chosen.arm)], index = axis.index(rowOf(chosen.arm), tick), step = row?.steps?.[index];
  const text = !step ? "This row has not begun at this noise level; move on, or choose another row."
    : `From step ${index + 1} of ${row.steps.length} of ${row.title} (t ${+step.t.toFixed(1)}, noise ${written(levelOf(step))}): everything before it stays, the rest is drawn anew.`;
  say($(".sc-from"), text);
  $(".sc-go").disabled = !step || view.live || Boolean(kept);
}

function fillModels() {
  const select = $(".sc-branch select"), ids = Object.keys(view.models ?? {}).filter((id) => view.models[id].goes);
  if (select.dataset.key === ids.join()) return;
  select.dataset.key = ids.join();
  select.replaceChildren(new Option("as planned", ""), ...ids.map((id) => new Option(view.models[id].title, id)));
}

// Adapters of a branch: one row says "as they were", "none", or names one with its strength; then another can follow.
function fillAdapters() {
  const box = $(".sc-worn"), known = Object.entries(view.adapters ?? {});
  if (box.dataset.key === JSON.stringify(known)) return;
  box.dataset.key = JSON.stringify(known);
  box.hidden = !known.length;
  box.querySelectorAll(".sc-worn-row").forEach((row) => row.remove());
  if (known.length) box.append(wornRow(known, true));
}

function wornRow(known, first) {
  const row = make("span", "sc-worn-row"), select = make("select"), strength = make("input");
  const none = first ? [new Option("as they were", ""), new Option("none", "none")] : [new Option("and no other", "")];
  select.append(...none, ...known.map(([id, title]) => new Option(title, id)));
  select.setAttribute("aria-label", first ? "adapter" : "another adapter");
  Object.assign(strength, { inputMode: "decimal", value: "1", hidden: true, title: "strength, in units of its calibration; negative is the other way" });
  strength.setAttribute("aria-label", "strength");
  select.addEventListener("change", () => {
    const named = select.value && select.value !== "none";
    strength.hidden = !named;
    if (!named) while (row.nextElementSibling) row.nextElementSibling.remove();
    else if (!row.nextElementSibling && row.parentElement.children.length <= known.length) row.after(wornRow(known, false));
  });
  row.append(select, strength);
  return row;
}

function worn() {
  const rows = [...element.querySelectorAll(".sc-worn-row")].map((row) => [row.querySelector("select").value, row.querySelector("input").value]);
  if (!rows.length || !rows[0][0] || rows[0][0] === "none") return rows[0]?.[0] ?? "";
  return rows.filter(([id]) => id).map(([id, strength]) => `${id}=${strength.trim().replace(",", ".") || "1"}`).join(" ");
}

async function readTable() {
  const wanted = view.timeline ? `${home}/${view.timeline}` : "";
  if (!table) drawCurves();
  if (!wanted || wanted === tableFrom) return; // until a branch has its own, its parent's stays
  tableFrom = wanted;
  try {
    const found = kept ? JSON.parse(new TextDecoder().decode(decoded(kept[view.timeline]))) : await (await fetch(`run-file/${wanted}`)).json();
    if (tableFrom !== wanted) return;
    table = found;
    drawCurves();
    small();
  } catch { if (tableFrom === wanted) tableFrom = ""; }
}

function drawCurves() {
  const box = $(".sc-decided"), gone = $(".sc-lost");
  box.hidden = gone.hidden = !table;
  if (!table) { figures = []; return; }
  figures = curveFigures(table, axis, rows, all);
  $(".sc-curves").replaceChildren(...figures.map((figure) => figure.box));
  const oracle = table.kind === "oracle", rest = table.factors.length - FIRST + 1;
  const more = $(".sc-more");
  more.hidden = !oracle;
  more.setAttribute("aria-expanded", all);
  say(more, all ? "fewer" : `${rest} more`);
  $(".sc-lead").replaceChildren(...decidedWords(table, rows).map((part) => {
    if (typeof part === "string") return part;
    const name = make("span", "named", part[0].title);
    name.style.setProperty("--tone", `var(--arm-${part[0].tone})`);
    return name;
  }));
  say($(".sc-note"), oracle
    ? "Share of seeds whose x̂₀ already says what the last picture says, as the oracle reads it, with the 95 % interval (Wilson) of the chosen row. Dashed: fewer than half read as a picture there, so their labels are guesses. Triangles: the step from which it stays, median over seeds."
    : `Distance of x̂₀ to its end ${measureOf(table)}, quartiles over seeds; 1 is the mean distance between two of the teacher's pictures. Triangles: half of that, for good, median over seeds.`);
  for (const figure of figures) { figure.move(tick); figure.say(tick); }
  drawGone();
}

function drawGone() {
  const box = $(".sc-gone");
  box.replaceChildren();
  if (!table.vanished.length) {
    box.append(make("p", "sc-none", table.kind === "oracle" ? "Nothing: every thing that showed itself in a readable x̂₀ is in the last picture." : "No sample turned back on its way."));
    return;
  }
  if (table.kind === "oracle") box.append(make("p", "sc-none", "What the oracle read in a clear x̂₀ and no longer reads at the end. Press one to see the frame, and judge."));
  for (const item of table.vanished.slice(0, 24)) {
    const row = rows[rowOf(item.arm)], button = make("button", "sc-item"), canvas = make("canvas"), words = make("span");
    button.type = "button";
    button.style.setProperty("--tone", `var(--arm-${row.tone})`);
    canvas.width = canvas.height = 96;
    const [where, what] = goneWords(item, table.kind);
    words.append(make("b", "", `${row.title}, ${where}`), make("small", "", what));
    button.append(canvas, words);
    button.addEventListener("click", () => { play(false); choose(item.arm, item.seed); go(axis.tick(rowOf(item.arm), item.strongest)); });
    button.gonePicture = () => {
      const bitmap = strips.get(row.strips?.[item.strongest]), k = view.seeds.indexOf(item.seed), form = strips.form;
      if (!bitmap || canvas.dataset.done) return;
      canvas.getContext("2d").drawImage(bitmap, cellX(form, k), cellY(form, k), form.side, form.side, 0, 0, 96, 96);
      canvas.dataset.done = "1";
    };
    button.gonePicture();
    box.append(button);
  }
  if (table.lost > 24) box.append(make("p", "sc-none", `and ${table.lost - 24} more`));
}
const gonePictures = () => { for (const item of $(".sc-gone").children) item.gonePicture?.(); };

// -- a new look at the run

function draw() {
  const before = view, value = props.value;
  if (!value?.run) { view = null; rows = []; root.dataset.state = "empty"; return; }
  const another = before?.root !== value.root, early = !value.rows.some((row) => row.steps?.length);
  view = early && before && !another ? { ...value, rows: before.rows, timeline: before.timeline } : value;
  if (!early || another) home = view.run;
  root.dataset.state = view.state;
  status();
  if (another) startOver();
  rows = view.rows.filter((row) => row.steps?.length);
  const key = JSON.stringify([view.root, view.seeds, rows.map((row) => [row.arm, row.steps.length])]);
  if (key !== built) rebuild(key, before, another);
  if (before?.run !== view.run) remember();
  if (another && !kept && innerWidth <= 820) root.scrollIntoView({ block: "start" }); // below the form on a narrow page
  $(".sc-body").hidden = !rows.length;
  if (!rows.length) return;
  fillModels();
  fillAdapters();
  buildTake();
  options();
  want();
  readTable();
  redraw();
  small();
}

function status() {
  say($(".b-chip"), view.status.word);
  say($(".sc-text"), view.status.text);
  say($(".sc-title"), `“${view.prompt}”`);
  say($(".sc-branch .sc-problem"), view.problem ?? "");
  const p = view.progress, done = view.state === "done" ? 100 : p?.total ? (100 * p.done) / p.total : 0;
  $(".b-bar i").style.width = `${done}%`;
  $(".b-bar").setAttribute("aria-valuenow", Math.round(done));
  const notices = $(".b-notices");
  if (notices.dataset.key === view.notices.join("|")) return;
  notices.dataset.key = view.notices.join("|");
  notices.replaceChildren(...view.notices.map((text) => make("li", "", text)));
}

function startOver() {
  strips.clear();
  root.dataset.ready = 0;
  axis = null; tick = 0; pin = null; against = "end"; show = "x0"; table = null; tableFrom = ""; figures = [];
  chosen = { arm: null, seed: null };
}

// Other rows, or rows of another length: the same moment stays, and a new branch is chosen.
function rebuild(key, before, another) {
  const level = axis?.levels?.[tick], pinned = pin === null ? undefined : axis?.levels?.[pin], atEnd = !axis || tick >= axis.count - 1;
  const news = another ? null : rows.find((row) => row.branch && !before?.rows.some((old) => old.arm === row.arm));
  built = key;
  buildWall();
  axis = rows.length ? axisOf(rows, sync) : null;
  if (!axis) return;
  if (another || atEnd) tick = axis.count - 1;
  else if (level !== undefined && axis.levels) tick = nearest(level);
  tick = Math.max(0, Math.min(axis.count - 1, tick));
  if (pinned !== undefined && axis.levels) pin = nearest(pinned);
  const arm = news?.arm ?? (rows.some((row) => row.arm === chosen.arm) ? chosen.arm : rows[0].arm);
  chosen = { arm, seed: view.seeds.includes(chosen.seed) ? chosen.seed : view.seeds[0] };
  if (!rows.some((row) => row.arm === against) && against !== "pin") against = "end";
  mark();
  $(".sc-body").hidden = false;
  layout();
  if (table) drawCurves();
}

function remember() { // the address finds this run again
  if (kept) return;
  const here = new URL(location.href);
  if (here.searchParams.get("scrub") !== view.run) { here.searchParams.set("scrub", view.run); history.replaceState(null, "", here); }
}

// -- hands and keys

element.addEventListener("input", (event) => { if (event.target.matches(".sc-slider")) { play(false); go(+event.target.value); } });
element.addEventListener("change", (event) => { if (event.target.matches(".sc-against")) { against = event.target.value; redraw(); } });
element.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest(selector);
  const meta = at(".sc-meta"), head = at(".sc-heads .w-seed"), one = at(".sc-one"), synced = at("button[data-sync]"), shown = at("button[data-show]");
  if (meta) choose(meta.dataset.arm, null);
  if (head) choose(null, +head.dataset.seed);
  if (one) choose(one.dataset.arm, null);
  if (synced) { setSync(synced.dataset.sync); pin = null; if (against === "pin") against = "end"; options(); if (table) drawCurves(); }
  if (shown) setShow(shown.dataset.show);
  if (at(".sc-play")) play(!playing);
  if (at(".sc-flicker")) autoFlick(!flickTimer);
  if (at(".sc-prev")) nextSeed(-1);
  if (at(".sc-next")) nextSeed(1);
  if (at(".sc-more")) { all = !all; drawCurves(); }
  if (at(".sc-save")) saveMoment();
  const cell = event.detail === 0 && at(".sc-cell"); // by key; by hand it is a press, see below
  if (cell) choose(cell.dataset.arm, +cell.dataset.seed);
});

function saveMoment() {
  const row = rowOf(chosen.arm), index = axis.index(row, tick);
  const [bitmap, at] = bitmapOf(row, index, show === "noisy");
  if (!bitmap) return;
  const link = make("a");
  link.download = `studio-${chosen.arm}-seed-${chosen.seed}-step-${at + 1}.png`;
  link.href = large[row].canvas.toDataURL("image/png");
  link.click();
}

// A press on a picture chooses it; a press that moves scrubs.
element.addEventListener("pointerdown", (event) => {
  const lane = event.target.closest(".sc-lane, .sc-schedule");
  if (!lane || event.button) return;
  const began = event.clientX, first = tick, schedule = lane.matches(".sc-schedule"), box = lane.getBoundingClientRect();
  let moved = schedule;
  const follow = (move) => {
    if (!moved && Math.abs(move.clientX - began) < MOVED) return;
    moved = true;
    play(false);
    go(schedule ? Math.round(((move.clientX - box.left - PAD) / (box.width - 2 * PAD)) * (axis.count - 1))
      : first + Math.round(((move.clientX - began) / box.width) * (axis.count - 1)));
  };
  const end = (up) => {
    removeEventListener("pointermove", follow);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
    const cell = !moved && up.type === "pointerup" && event.target.closest(".sc-cell");
    if (cell) choose(cell.dataset.arm, +cell.dataset.seed);
  };
  if (schedule) follow(event);
  addEventListener("pointermove", follow);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
});

// The wheel over the pictures scrubs; at either end it scrolls the page again.
let wheeled = 0;
$(".sc-wall").addEventListener("wheel", (event) => {
  if (!axis || event.ctrlKey) return; // ctrl is the browser's own zoom
  const by = event.deltaMode ? event.deltaY * WHEEL : event.deltaY || event.deltaX;
  if ((by > 0 && tick >= axis.count - 1) || (by < 0 && tick <= 0)) return;
  event.preventDefault();
  play(false);
  wheeled += by;
  const steps = Math.trunc(wheeled / WHEEL);
  if (steps) { wheeled -= steps * WHEEL; go(tick + steps); }
}, { passive: false });

const typing = (target) => target.closest?.("input:not([type=range]), textarea, select, [contenteditable]");
const keydown = (event) => {
  if (!element.isConnected) return leave();
  if (!axis || !element.offsetParent || typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector(".drawer.open")) return;
  const slider = event.target.matches?.(".sc-slider"), elsewhere = event.target.closest?.("[role=tab], #jobs");
  const by = { ArrowLeft: -1, ArrowRight: 1, PageDown: 5, PageUp: -5, Home: -1e6, End: 1e6 }[event.key];
  if (by && !elsewhere) { event.preventDefault(); play(false); go(tick + by * (event.shiftKey ? 5 : 1)); }
  const key = event.key.toLowerCase();
  if (key === " " && (slider || !event.target.closest?.("button, a, summary"))) { event.preventDefault(); play(!playing); }
  if (key === "f" && !event.repeat) setFlick(true);
  if (key === "p") { pin = tick; against = "pin"; options(); redraw(); }
  if (key === "d") setShow(show === "difference" ? "x0" : "difference");
  if (key === "[") nextSeed(-1);
  if (key === "]") nextSeed(1);
  const line = { arrowup: -1, arrowdown: 1 }[key];
  if (line && !elsewhere) {
    event.preventDefault();
    choose(rows[Math.max(0, Math.min(rows.length - 1, rowOf(chosen.arm) + line))].arm, null);
  }
};
const keyup = (event) => { if (event.key.toLowerCase() === "f" && !flickTimer) setFlick(false); };
function leave() { document.removeEventListener("keydown", keydown); document.removeEventListener("keyup", keyup); }
document.addEventListener("keydown", keydown);
document.addEventListener("keyup", keyup);

element.addEventListener("submit", (event) => {
  event.preventDefault();
  const index = axis.index(rowOf(chosen.arm), tick);
  trigger("branch", { run: view.run, arm: chosen.arm, step: index, ...Object.fromEntries(new FormData(event.target)), adapters: worn() });
});

const watcher = new ResizeObserver(() => (element.isConnected ? layout() : watcher.disconnect()));
watcher.observe($(".sc-wall"));
draw();
watch("value", draw);
