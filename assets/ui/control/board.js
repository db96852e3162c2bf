// Rows = arms, columns = strengths of one adapter, on one seed at a time. value = ControlView.board(), or {run: null}.

const $ = (selector, from = element) => from.querySelector(selector);
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const file = (path) => `run-file/${view.run}/${path}`;
const signed = (s) => (s > 0 ? `+${s}` : `${s}`.replace("-", "−"));
let view = null, built = "", cells = [], seed = null, shown = null;

function build() {
  const grid = $(".ctl-grid"), n = view.strengths.length;
  grid.style.setProperty("--n", n);
  grid.replaceChildren();
  cells = [];
  const corner = make("div", "ctl-corner");
  const ends = view.attribute;
  corner.append(make("b", "", view.title), make("span", "", ends ? `${ends.low} – ${ends.high}` : "strength"));
  grid.append(corner, ...view.strengths.map((s) => {
    const head = make("div", "ctl-strength", signed(s));
    head.dataset.zero = s === 0;
    return head;
  }));
  for (const row of view.rows) {
    const meta = make("div", "w-meta");
    meta.style.setProperty("--tone", `var(--arm-${row.tone})`);
    meta.title = row.meaning;
    const name = make("div", "w-name");
    name.append(make("b", "", row.title));
    meta.append(name, make("div", "w-figures"));
    grid.append(meta);
    cells.push(view.strengths.map((s) => {
      const cell = make("button", "ctl-cell");
      cell.type = "button";
      cell.style.setProperty("--tone", `var(--arm-${row.tone})`);
      cell.append(make("span", "ctl-amount"));
      cell.addEventListener("click", () => enlarge(row.arm, s));
      grid.append(cell);
      return cell;
    }));
  }
}

function fill() {
  view.rows.forEach((row, i) => {
    const meta = element.querySelectorAll(".w-meta")[i];
    $(".w-figures", meta).textContent = row.figures;
    row.cells.forEach((found, j) => {
      const cell = cells[i][j], path = found?.images[seed], s = view.strengths[j];
      let image = $("img", cell);
      if (path && image?.dataset.path !== path) {
        const fresh = new Image();
        fresh.dataset.path = path;
        fresh.alt = `${row.title} at strength ${signed(s)}, seed ${seed}`;
        fresh.src = file(path);
        if (image) image.replaceWith(fresh); else cell.prepend(fresh);
      } else if (!path) image?.remove();
      cell.disabled = !path;
      cell.setAttribute("aria-label", path ? `${row.title}, strength ${signed(s)}: enlarge` : `${row.title}, strength ${signed(s)}: not drawn yet`);
      $(".ctl-amount", cell).textContent = found?.amounts[seed] ?? "";
    });
  });
  $(".ctl-seed").textContent = `seed ${seed}`;
  const corner = $(".ctl-corner");
  if (view.hint && corner.dataset.hint !== view.hint) {
    corner.dataset.hint = view.hint;
    $("img", corner)?.remove();
    const followed = new Image();
    Object.assign(followed, { src: file(view.hint), alt: "the picture that is followed", title: "the picture that is followed" });
    corner.prepend(followed);
  }
  if (shown) enlarge(shown.arm, shown.strength, true);
}

function enlarge(arm, strength, stay = false) {
  const box = $(".ctl-large"), again = shown && shown.arm === arm && shown.strength === strength;
  if (again && !stay) { shown = null; box.hidden = true; mark(); return; }
  const row = view.rows.find((one) => one.arm === arm), found = row?.cells[view.strengths.indexOf(strength)], path = found?.images[seed];
  shown = path ? { arm, strength } : null;
  box.hidden = !path;
  mark();
  if (!path) return;
  const image = $("img", box);
  image.src = file(path);
  image.alt = `${row.title} at strength ${signed(strength)}, seed ${seed}, enlarged`;
  const amount = found.amounts[seed], unit = view.attribute?.unit ?? "";
  const save = make("a", "", "save the picture");
  save.href = file(path);
  save.download = `${arm}-${view.title}-${strength}-${seed}.png`;
  $("figcaption", box).replaceChildren(make("b", "", `${row.title}, ${view.title} ${signed(strength)}, seed ${seed}`),
    make("span", "", amount === undefined ? "" : `${view.attribute.title}: ${amount} ${unit}`), save);
}

function mark() {
  view.rows.forEach((row, i) => cells[i].forEach((cell, j) => {
    cell.setAttribute("aria-pressed", Boolean(shown && shown.arm === row.arm && shown.strength === view.strengths[j]));
  }));
}

function step(by) {
  const at = view.seeds.indexOf(seed);
  seed = view.seeds[(at + by + view.seeds.length) % view.seeds.length];
  fill();
}

function draw() {
  const another = props.value?.run !== view?.run;
  view = props.value;
  const board = $(".board");
  board.dataset.state = view?.run ? view.state : "empty";
  if (!view?.run) return;
  const key = JSON.stringify([view.run, view.seeds, view.strengths, view.rows.map((row) => row.arm)]);
  if (another) { shown = null; remember(); }
  if (!view.seeds.includes(seed)) seed = view.seeds[0];
  if (key !== built) { built = key; build(); }
  $(".b-chip").textContent = view.status.word;
  $(".b-text").textContent = view.status.text;
  const p = view.progress, done = view.state === "done" ? 100 : p?.total ? (100 * p.done) / p.total : 0;
  $(".b-bar i").style.width = `${done}%`;
  $(".b-bar").setAttribute("aria-valuenow", Math.round(done));
  $(".b-headline").textContent = `“${view.prompt}”`;
  $(".b-notices").replaceChildren(...view.notices.map((text) => make("li", "", text)));
  $(".ctl-seeds").hidden = view.seeds.length < 2;
  fill();
}

// The address names the run, so that a reload comes back to it.
function remember() {
  const here = new URL(location.href);
  here.searchParams.set("control", view.run);
  history.replaceState(null, "", here);
}

element.addEventListener("click", (event) => {
  if (event.target.closest(".ctl-prev")) step(-1);
  if (event.target.closest(".ctl-next")) step(1);
});
const keydown = (event) => {
  if (!element.isConnected) { document.removeEventListener("keydown", keydown); return; }
  if (!element.offsetParent || !view?.run || event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  if (event.key === "[") step(-1);
  if (event.key === "]") step(1);
  if (event.key === "Escape" && shown) enlarge(shown.arm, shown.strength);
};
document.addEventListener("keydown", keydown);
draw();
watch("value", draw);
