// Sliders of the exact Gaussian-mixture laboratory. value = MixtureCard's {"sliders", "page", "note", "pending"}.
// Triggers "ask" with the settings, at most one question at a time: while one is out, only where the sliders end is kept.
// A question that stays unanswered is asked again after PATIENCE_MS, one that was refused is not.

const $ = (selector, from = element) => from.querySelector(selector);
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const box = $(".mix"), form = $(".mix-form"), PAUSE_MS = 60, PATIENCE_MS = 4000;
let settings = null, out = "", refused = "", sentAt = 0, page = null, timer = 0;

const shown = (name, value) => (name === "beta" ? Number(value).toFixed(2) : String(value));

function build(sliders) {
  settings = { order: "base first" };
  form.replaceChildren(...sliders.map((s) => {
    const label = make("label", "mix-slider"), head = make("span"), input = make("input"), log = s.step === "log2";
    settings[s.name] = s.value;
    head.append(make("b", "", s.label), make("output", "", shown(s.name, s.value)));
    Object.assign(input, { type: "range", min: log ? Math.log2(s.low) : s.low, max: log ? Math.log2(s.high) : s.high, step: log ? 0.5 : s.step });
    input.value = log ? Math.log2(s.value) : s.value;
    input.dataset.name = s.name;
    input.dataset.log = log ? "1" : "";
    label.append(head, input, make("small", "", s.info ?? ""));
    return label;
  }));
  const order = make("div", "mix-order");
  order.setAttribute("role", "group");
  order.setAttribute("aria-label", "Order");
  order.append(...["base first", "student first"].map((words) => {
    const button = make("button", "", words);
    button.type = "button";
    button.dataset.order = words;
    button.setAttribute("aria-pressed", words === settings.order);
    return button;
  }));
  form.append(order);
}

function ask() {
  clearTimeout(timer);
  if (!settings || !box.open) return;
  const now = JSON.stringify(settings);
  if (now === refused || (page && JSON.stringify(page) === now)) return;
  const left = out ? PATIENCE_MS - (performance.now() - sentAt) : 0;
  timer = setTimeout(ask, left > 0 ? left : PATIENCE_MS);
  if (left > 0) return; // asked again when the answer is here
  out = now;
  sentAt = performance.now();
  trigger("ask", { ...settings });
}

const percent = (x) => `${Math.min(100, Math.max(0, 100 * x))}%`;

function drawPage(value) {
  $(".mix-sentence").textContent = value.sentence;
  $(".mix-why").textContent = value.why;
  $(".mix-kappa").replaceChildren(...value.grid.map((step, i) => {
    const row = make("div", "mix-bar"), bar = make("i"), mark = i === 0 ? value.regime.first_open : i === 1 ? value.regime.second_kept : null;
    bar.style.width = percent(Math.log1p(step.kappa) / Math.log1p(100));
    row.append(make("span", "", `step ${i + 1}`), bar, make("b", "", step.kappa < 10 ? step.kappa.toFixed(2) : step.kappa.toFixed(0)));
    if (mark !== null) {
      row.dataset.good = mark;
      row.append(make("small", "", i === 0 ? (mark ? "open" : "decided by the noise") : mark ? "kept" : "forgotten"));
    }
    return row;
  }));
  const most = Math.max(...value.weights.world, ...value.weights.student);
  $(".mix-prior").replaceChildren(...value.weights.world.map((w, i) => {
    const pair = make("div", "mix-pair"), world = make("i", "world"), student = make("i", "student");
    world.style.height = percent(w / most);
    student.style.height = percent(value.weights.student[i] / most);
    pair.title = `prototype ${i + 1}: the world ${(100 * w).toFixed(1)} %, the student's prior ${(100 * value.weights.student[i]).toFixed(1)} %`;
    pair.append(world, student);
    return pair;
  }));
  $("tbody").replaceChildren(...value.arms.map((arm) => {
    const row = make("tr"), name = make("th"), modes = make("td"), bars = make("td"), strip = make("div", "mix-share");
    row.classList.toggle("on", arm.chosen);
    name.scope = "row";
    name.style.setProperty("--tone", `var(--arm-${arm.tone})`);
    name.append(make("i"), arm.name, make("code", "", arm.mask));
    modes.append(make("b", "", arm.modes), " ", make("small", "", arm.modes_ci));
    const top = Math.max(...arm.share);
    strip.append(...arm.share.map((s) => { const bar = make("i"); bar.style.height = percent(s / top); return bar; }));
    strip.style.setProperty("--tone", `var(--arm-${arm.tone})`);
    strip.title = arm.share.map((s, i) => `${i + 1}: ${(100 * s).toFixed(0)} %`).join(", ");
    bars.append(strip);
    const spread = make("td"), back = make("td"), cost = make("td");
    spread.append(make("b", "", arm.distance), " ", make("small", "", arm.distance_ci));
    back.append(make("b", "", arm.recovered || "–"));
    cost.append(make("b", "", String(arm.nfe)));
    row.append(name, modes, bars, spread, back, cost);
    [...row.children].slice(1).forEach((cell, i) => { cell.dataset.label = ["effective modes", "by prototype", "spread", "given back", "NFE"][i]; });
    return row;
  }));
  element.dataset.ready = JSON.stringify(value.settings);
}

function draw() {
  const value = props.value;
  if (!value) return;
  if (!settings && value.sliders) build(value.sliders);
  box.classList.toggle("pending", Boolean(value.pending));
  $(".mix-note").textContent = value.note ?? "";
  if (value.page) {
    page = { ...settings, ...value.page.settings };
    page = Object.fromEntries(Object.keys(settings).map((name) => [name, page[name]]));
    drawPage(value.page);
  }
  if (value.pending) return;
  refused = value.page ? "" : out;
  out = "";
  if (value.page) ask();
}

form.addEventListener("input", (event) => {
  const { name, log } = event.target.dataset;
  if (!name) return;
  const given = Number(event.target.value);
  settings[name] = log ? Math.round(2 ** given) : given;
  event.target.closest("label").querySelector("output").textContent = shown(name, settings[name]);
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE_MS);
});
form.addEventListener("click", (event) => {
  const order = event.target.dataset.order;
  if (!order) return;
  settings.order = order;
  for (const button of form.querySelectorAll("[data-order]")) button.setAttribute("aria-pressed", button.dataset.order === order);
  ask();
});
box.addEventListener("toggle", ask);

draw();
watch("value", draw);
