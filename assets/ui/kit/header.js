// State of the worker, background jobs, the drawer of recent runs, light and dark.
// value = {state, text, title, jobs: {active, text}}.
const $ = (selector) => element.querySelector(selector);

function draw() {
  const value = props.value ?? {};
  const worker = $(".worker");
  worker.dataset.state = value.state ?? "";
  worker.title = value.title ?? "";
  $(".worker span").textContent = value.text ?? "";
  if (value.jobs) count(value.jobs);
}

// The panel of jobs is another component: it is told to fold out or in, and tells when it did and what it counts.
function count(jobs) {
  const badge = $(".jobs-count");
  if (badge.textContent !== jobs.text) badge.textContent = jobs.text;
  badge.dataset.n = jobs.active || "";
  if (jobs.active) document.dispatchEvent(new CustomEvent("studio:jobs-active"));
}
document.addEventListener("studio:jobs", (event) => {
  $(".jobs-open").setAttribute("aria-expanded", event.detail.open);
  if (event.detail.counts) {
    $(".jobs-count").textContent = event.detail.counts.text;
    $(".jobs-count").dataset.n = event.detail.counts.active || "";
  }
});

const drawer = $(".drawer");
const make = (tag, className, text) => { const node = document.createElement(tag); node.className = className; node.textContent = text; return node; };

function entry(run) {
  const button = make("button", "run-card", "");
  button.type = "button";
  button.dataset.run = run.id;
  const strip = make("span", "run-strip", "");
  for (const path of run.pictures) { const image = new Image(); image.src = `run-file/${run.id}/${path}`; image.alt = ""; image.loading = "lazy"; strip.append(image); }
  const words = make("span", "run-words", "");
  words.append(make("b", "", run.prompt), make("small", "", run.about));
  const state = make("i", "run-state", run.state);
  state.dataset.state = run.state;
  button.append(strip, words, state);
  if (run.kind === "scrub" || run.kind === "control" || !["done", "cancelled"].includes(run.state)) { button.dataset.kind = run.kind ?? ""; return button; }
  const line = make("div", "run-line", ""), scrub = make("button", "run-scrub", "Scrub");
  scrub.type = "button";
  scrub.dataset.run = run.id;
  scrub.title = "Slide through every step of this run";
  line.append(button, scrub);
  return line;
}

async function open() {
  drawer.classList.add("open");
  drawer.setAttribute("aria-hidden", "false");
  const list = $(".drawer-list");
  let runs = [];
  try { runs = await server.recent_runs(); }
  catch { list.replaceChildren(make("p", "drawer-none", "The list could not be read; is the studio still running?")); return; }
  list.replaceChildren(...(runs.length ? runs.map(entry) : [make("p", "drawer-none", "Nothing yet. Every run you make is kept and listed here.")]));
  $(".drawer-close").focus();
}
function close() { drawer.classList.remove("open"); drawer.setAttribute("aria-hidden", "true"); }

element.addEventListener("click", (event) => {
  if (event.target.closest(".runs-open")) return drawer.classList.contains("open") ? close() : open();
  if (event.target.closest(".jobs-open")) document.dispatchEvent(new CustomEvent("studio:jobs-toggle"));
  if (event.target.closest(".drawer-close")) { close(); return $(".runs-open").focus(); }
  const card = event.target.closest(".run-card");
  if (card) { trigger(card.dataset.kind === "scrub" || card.dataset.kind === "control" ? card.dataset.kind : "reopen", { run: card.dataset.run }); close(); }
  const scrub = event.target.closest(".run-scrub");
  if (scrub) { trigger("scrub", { run: scrub.dataset.run }); close(); }
  if (event.target.closest(".theme-toggle")) {
    const dark = document.body.classList.toggle("dark");
    try { localStorage.setItem("studio:theme", dark ? "dark" : "light"); } catch { /* private mode */ }
  }
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
document.addEventListener("pointerdown", (event) => { if (!element.contains(event.target)) close(); });

draw();
watch("value", draw);
