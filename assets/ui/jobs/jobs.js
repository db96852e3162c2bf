// The jobs panel: a list of background runs and one of them in detail, patched in place.
// value = Background.panel() (studio/ui/jobs/background.py), with "focus" and "problem" at times. Needs figure.js and
// jobs-shown.js before it.

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
// picked.step: the training step somebody chose to look at, or null for the newest
let view = null, focused = "", wanted = "first", shown = {}, picked = { run: "", step: null };

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

function drawLists(detail) {
  const log = $(".j-log"), text = [...(detail.text_log ? ["The end of log.txt:", detail.text_log, ""] : []), ...detail.log].join("\n");
  if (log.textContent !== text) {
    const below = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
    log.textContent = text;
    if (below) log.scrollTop = log.scrollHeight;
  }
  const files = $(".j-files tbody"), key = JSON.stringify([detail.run, detail.files]);
  if (files.dataset.key !== key) {
    files.dataset.key = key;
    files.replaceChildren(...detail.files.map(({ text: words, where, size, open }) => {
      const row = make("tr"), name = make("td", "", open ? undefined : words);
      if (open) {
        const link = make("a", "", words);
        link.href = file(detail.run, open);
        link.target = "_blank";
        name.append(link);
      }
      row.append(name, make("td", "j-where", where), make("td", "j-size", size));
      return row;
    }));
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
  const symptoms = $(".j-symptoms"), signs = JSON.stringify(detail.symptoms);
  if (symptoms.dataset.key !== signs) {
    symptoms.dataset.key = signs;
    symptoms.replaceChildren(...detail.symptoms.map(({ step, seen, remedy }) => {
      const item = make("li"), words = make("p", "", `${seen[0].toUpperCase()}${seen.slice(1)} `);
      words.append(make("b", "", remedy));
      item.append(make("span", "", `step ${step.toLocaleString("en")}`), words);
      return item;
    }));
  }
  const notices = $(".b-notices");
  if (notices.dataset.key !== detail.notices.join("|")) {
    notices.dataset.key = detail.notices.join("|");
    notices.replaceChildren(...detail.notices.map((words) => make("li", "", words)));
  }
  $(".j-plots").hidden = !detail.teaches && !detail.figures.loss;
  put($(".j-plots .j-caution"), detail.warning || "The objective's own loss, raw and smoothed.");
  put($(".j-caution-2"), detail.measuring ? `Measured on fixed prompts and seeds; the dotted line is the teacher${detail.few}.` : "");
  put($(".j-measure-wait"), detail.measuring ? "Figures appear at the first measurement." : "This run is not measured on the way.");
  if (picked.run !== detail.run) picked = { run: detail.run, step: null };
  drawStrips(detail);
  drawBeliefs(detail);
  drawResponse(detail);
  drawNumbers(detail);
  drawFigures();
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
  const { target } = event;
  if (!target.matches(".j-time input")) return;
  picked.step = +target.value === +target.max ? null : JSON.parse(target.dataset.steps)[target.value];
  drawStrips(view.detail); // strips and beliefs show the same moment
  drawBeliefs(view.detail);
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
followTheme(() => view?.detail && !panel.hidden && drawFigures());
