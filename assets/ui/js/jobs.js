// The jobs panel: a list of background runs and one of them in detail, patched in place.
// value = Background.panel() (studio/ui/background.py), with "focus" and "problem" at times. Needs figure.js before it.

const $ = (selector, from = element) => from.querySelector(selector);
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const file = (run, path) => `run-file/${run}/${path}`;
const panel = $(".j-panel");
let view = null, focused = "", wanted = "first", shown = {}, picked = { run: "", n: "", at: -1 };

const stored = { get: () => { try { return localStorage.getItem("studio:jobs") ?? ""; } catch { return ""; } },
  set: (run) => { try { run ? localStorage.setItem("studio:jobs", run) : localStorage.removeItem("studio:jobs"); } catch { /* private mode */ } } };
const tell = () => document.dispatchEvent(new CustomEvent("studio:jobs", { detail: { open: !panel.hidden, counts: view?.counts } }));

function fold(open, run = "first") {
  panel.hidden = !open;
  wanted = run;
  trigger("choose", { run: open ? run : "" });
  if (!open) stored.set("");
  tell();
}

// -- the list

function drawList() {
  const list = $(".j-list"), ids = view.jobs.map((job) => job.id).join();
  if (list.dataset.ids !== ids) {
    list.dataset.ids = ids;
    const held = document.activeElement?.dataset?.run;
    list.replaceChildren(...view.jobs.map((job) => {
      const item = make("button", "j-item");
      item.type = "button";
      item.dataset.run = job.id;
      item.setAttribute("role", "option");
      item.append(make("b"), make("span", "j-chip"), make("small"), make("i", "j-mini"));
      return item;
    }));
    if (held) list.querySelector(`[data-run="${held}"]`)?.focus();
  }
  view.jobs.forEach((job, i) => {
    const item = list.children[i];
    put($("b", item), job.title);
    put($(".j-chip", item), job.state);
    $(".j-chip", item).dataset.state = job.state;
    put($("small", item), [job.text, job.when].filter(Boolean).join(" · "));
    $(".j-mini", item).style.setProperty("--done", `${job.percent}%`);
    $(".j-mini", item).hidden = !["loading", "running", "queued", "paused"].includes(job.state);
    item.setAttribute("aria-selected", job.id === view.chosen);
  });
}

// -- one run

const WORDS = { delete: "Delete for good?" };
function drawActions(detail) {
  const box = $(".j-actions"), key = JSON.stringify([detail.run, detail.actions]);
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  const held = document.activeElement?.dataset?.action;
  box.replaceChildren(...detail.actions.map(([action, words]) => {
    const button = make("button", "tool", words);
    button.type = "button";
    button.dataset.action = action;
    return button;
  }));
  if (held && !box.contains(document.activeElement)) box.querySelector(`[data-action="${held}"]`)?.focus({ preventScroll: true });
}

function drawFacts(detail) {
  const box = $(".j-facts"), key = detail.facts.map((fact) => fact[0]).join();
  if (box.dataset.key !== key) {
    box.dataset.key = key;
    box.replaceChildren(...detail.facts.map(([name]) => { const pair = make("div"); pair.append(make("dt", "", name), make("dd")); return pair; }));
  }
  detail.facts.forEach(([, value], i) => put($("dd", box.children[i]), value));
}

function setImage(image, path, alt) {
  const source = file(view.detail.run, path);
  if (image.dataset.source === source) return;
  image.dataset.source = source;
  const next = new Image(); // shown once loaded, so that a slow line does not blink
  next.onload = () => { if (image.dataset.source === source) { image.src = source; image.alt = alt; } };
  next.src = source;
}

function drawStrips(detail) {
  const strips = detail.strips, live = ["queued", "loading", "running", "paused"].includes(detail.state);
  $(".j-strip-rows").hidden = !strips;
  const wait = $(".j-strip-wait");
  wait.hidden = Boolean(strips);
  put(wait, live ? "The first strip appears once the teacher is open." : "This run drew no pictures.");
  $(".j-counts").hidden = !strips || Object.keys(strips.counts).length < 2;
  if (!strips) return;
  const counts = Object.keys(strips.counts);
  if (picked.run !== detail.run || !counts.includes(picked.n)) picked = { run: detail.run, n: counts.at(-1), at: -1 };
  const choices = $(".j-counts");
  if (choices.dataset.key !== counts.join()) {
    choices.dataset.key = counts.join();
    choices.replaceChildren(...counts.map((n) => { const b = make("button", "", n === "1" ? "1 step" : `${n} steps`); b.type = "button"; b.dataset.n = n; return b; }));
  }
  for (const button of choices.children) button.setAttribute("aria-pressed", button.dataset.n === picked.n);
  const rows = strips.counts[picked.n], range = $(".j-time input");
  const at = picked.at < 0 ? rows.length - 1 : Math.min(picked.at, rows.length - 1);
  range.max = rows.length - 1;
  range.value = at;
  $(".j-time").hidden = rows.length < 2;
  const row = rows[at], prompts = row.prompts ?? [], seeds = (row.seeds ?? []).join(" and ");
  put($(".j-time output"), `step ${row.step.toLocaleString("en")}`);
  const about = `${prompts.map((p) => `“${p}”`).join(", ")}, seeds ${seeds}`;
  const [teacher, student] = element.querySelectorAll(".j-row");
  teacher.hidden = !strips.teacher;
  if (strips.teacher) {
    put($("small", teacher), `${strips.teacher.sampling_steps} steps`);
    setImage($(".j-teacher"), strips.teacher.strip, `Teacher: ${about}`);
  }
  put($("small", student), `${picked.n} ${picked.n === "1" ? "step" : "steps"}, at ${row.step.toLocaleString("en")}`);
  setImage($(".j-student"), row.strip, `Student after ${row.step} training steps, sampled in ${picked.n}: ${about}`);
  const captions = $(".j-prompts");
  if (captions.dataset.key !== prompts.join("|")) {
    captions.dataset.key = prompts.join("|");
    captions.replaceChildren(...prompts.map((p) => { const s = make("span", "", p); s.title = p; return s; }));
  }
}

async function drawFigures(detail) {
  for (const box of element.querySelectorAll(".plot")) {
    const name = box.dataset.figure, text = detail.figures[name], now = () => view?.detail?.figures?.[name];
    const wait = box.parentElement.querySelector(".plot-wait");
    wait.hidden = Boolean(text);
    const key = `${document.body.classList.contains("dark")} ${text}`;
    if (shown[name] === key) continue;
    shown[name] = key;
    if (await drawFigure(box, text, now)) box.dataset.ready = "1";
  }
}

function drawLists(detail) {
  const log = $(".j-log"), text = [...detail.log, ...(detail.text_log ? ["", "log.txt", detail.text_log] : [])].join("\n");
  if (log.textContent !== text) {
    const below = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
    log.textContent = text;
    if (below) log.scrollTop = log.scrollHeight;
  }
  const files = $(".j-files"), key = JSON.stringify([detail.run, detail.artifacts, detail.student]);
  if (files.dataset.key !== key) {
    files.dataset.key = key;
    files.replaceChildren(...(detail.student ? [make("li", "", `the student, listed as ${detail.student}`)] : []),
      ...detail.artifacts.map(({ text: words, path }) => {
        const item = make("li"), link = make("a", "", words);
        link.href = file(detail.run, path);
        link.target = "_blank";
        item.append(link);
        return item;
      }));
    if (!files.childElementCount) files.append(make("li", "", "no pictures yet"));
  }
  const table = $(".j-settings tbody"), settings = JSON.stringify(detail.settings);
  if (table.dataset.key !== settings) {
    table.dataset.key = settings;
    table.replaceChildren(...detail.settings.map(([name, value]) => { const row = make("tr"); row.append(make("th", "", name), make("td", "", value)); return row; }));
  }
}

function drawRun() {
  const detail = view.detail, article = $(".j-run");
  article.hidden = !detail || Boolean(detail.problem);
  if (!detail || detail.problem) return;
  if (article.dataset.run !== detail.run) { article.dataset.run = detail.run; shown = {}; }
  put($(".j-title h3"), detail.title);
  put($(".j-title .j-chip"), detail.state);
  $(".j-title .j-chip").dataset.state = detail.state;
  put($(".j-text"), detail.text);
  $(".j-bar i").style.width = `${detail.percent}%`;
  $(".j-bar").setAttribute("aria-valuenow", Math.round(detail.percent));
  $(".j-bar").hidden = detail.state === "done";
  drawActions(detail);
  drawFacts(detail);
  const notices = $(".b-notices");
  if (notices.dataset.key !== detail.notices.join("|")) {
    notices.dataset.key = detail.notices.join("|");
    notices.replaceChildren(...detail.notices.map((words) => make("li", "", words)));
  }
  put($(".j-caution"), detail.warning || "The objective's own loss, raw and smoothed.");
  put($(".j-measure-wait"), detail.measuring ? "Figures appear at the first measurement." : "This run is not measured on the way.");
  drawStrips(detail);
  drawFigures(detail);
  drawLists(detail);
}

function draw() {
  const before = view;
  view = props.value;
  if (!view) return;
  if (view.focus && view.focus !== focused) {
    focused = wanted = view.focus;
    panel.hidden = false;
    panel.scrollIntoView({ behavior: "smooth", block: "start" });
  }
  // A look that began before somebody chose another run arrives late: its list is news, its choice is not.
  if (!panel.hidden && view.chosen !== wanted && view.jobs.some((job) => job.id === wanted))
    view = { ...view, chosen: wanted, detail: before?.detail?.run === wanted ? before.detail : null };
  else if (view.chosen) wanted = view.chosen;
  put($(".j-sum"), view.counts.text || (view.jobs.length ? "nothing is running" : ""));
  const problem = view.problem ?? view.detail?.problem ?? "";
  $(".j-problem").hidden = !problem;
  put($(".j-problem"), problem);
  $(".j-none").hidden = view.jobs.length > 0;
  $(".j-body").hidden = !view.jobs.length;
  if (!panel.hidden) {
    stored.set(view.chosen || "first");
    drawList();
    drawRun();
  }
  tell();
}

// -- what a person does

let armed = null;
function disarm() { clearTimeout(armed?.timer); if (armed) armed.button.textContent = armed.words; armed = null; }

element.addEventListener("click", (event) => {
  if (event.target.closest(".j-close")) { fold(false); document.querySelector(".jobs-open")?.focus(); return; }
  const item = event.target.closest(".j-item");
  if (item) { wanted = item.dataset.run; return trigger("choose", { run: wanted }); }
  const count = event.target.closest(".j-counts button");
  if (count) { picked = { ...picked, n: count.dataset.n, at: -1 }; return drawStrips(view.detail); }
  const button = event.target.closest("[data-action]");
  if (!button) return disarm();
  const { action } = button.dataset, run = view.detail.run;
  if (WORDS[action] && armed?.button !== button) { // what cannot be undone is asked twice
    disarm();
    armed = { button, words: button.textContent, timer: setTimeout(disarm, 4000) };
    button.textContent = WORDS[action];
    return;
  }
  disarm();
  if (action === "compare" || action === "duplicate") { trigger(action, { run }); fold(false); }
  else trigger("act", { run, action });
});
element.addEventListener("input", (event) => {
  if (!event.target.matches(".j-time input")) return;
  const last = +event.target.value === +event.target.max;
  picked.at = last ? -1 : +event.target.value; // at the end it follows the newest
  drawStrips(view.detail);
});
element.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { event.stopPropagation(); fold(false); document.querySelector(".jobs-open")?.focus(); }
  const item = event.target.closest?.(".j-item"), by = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
  if (item && by) { event.preventDefault(); item[by]?.focus(); }
});
document.addEventListener("studio:jobs-toggle", () => element.isConnected && fold(panel.hidden, focused || "first"));
// Something was started elsewhere: an open panel looks again, which sets its timer going.
document.addEventListener("studio:jobs-active", () => {
  if (element.isConnected && !panel.hidden && !view?.counts.active) trigger("choose", { run: view?.chosen || "first" });
});

if (stored.get()) panel.hidden = false; // a reload finds the panel as it was; the page's first look fills it
draw();
watch("value", draw);
followTheme(() => view?.detail && !panel.hidden && drawFigures(view.detail));
