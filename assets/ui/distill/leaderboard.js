// The students of a teacher on one plot, with a table that can be sorted. value = Leaderboard.value()
// (studio/ui/distill/leaderboard.py). Needs figure.js before it. Choosing what is across the plot asks no server.

const $ = (selector, from = element) => from.querySelector(selector);
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const COLUMNS = [["title", "model", 1], ["accuracy", "accuracy", -1], ["diversity", "diversity", -1], ["fd_oracle", "FD-oracle", 1], ["nfe", "NFE", 1]];
const box = $(".l-box");
let across = "accuracy", sort = { by: "diversity", sign: -1 };

// -- the table

function inOrder(rows) {
  const of = (row) => (sort.by === "title" ? row.title.toLowerCase() : row.cells[sort.by][0]);
  return [...rows].sort((a, b) => {
    const x = of(a), y = of(b);
    if (x === null || y === null) return (x === null) - (y === null); // what is not known stands last either way
    return sort.sign * (x < y ? -1 : x > y ? 1 : 0) || a.cells.nfe[0] - b.cells.nfe[0];
  });
}

function drawHead() {
  const row = make("tr");
  for (const [by, words, sign] of COLUMNS) {
    const cell = make("th"), button = make("button", "l-th", words);
    cell.scope = "col";
    button.type = "button";
    Object.assign(button.dataset, { by, sign });
    cell.setAttribute("aria-sort", sort.by !== by ? "none" : sort.sign > 0 ? "ascending" : "descending");
    cell.append(button);
    row.append(cell);
  }
  const held = document.activeElement?.dataset?.by;
  $("thead").replaceChildren(row);
  if (held) $(`.l-th[data-by="${held}"]`)?.focus();
  const select = $(".l-sort");
  if (!select.options.length) select.append(...COLUMNS.map(([by, words]) => new Option(words, by)));
  select.value = sort.by;
}

function line(row) {
  const tr = make("tr", row.state ? "l-otherwise" : ""), name = make("th"), words = make("div", "l-name");
  name.scope = "row";
  name.style.setProperty("--tone", `var(--arm-${row.tone})`);
  const mark = make("i", `l-mark l-${row.role}`);
  mark.classList.toggle("on", across === "nfe" ? Object.values(row.front).some(Boolean) : row.front[across]);
  mark.title = mark.classList.contains("on") ? "on the Pareto front" : "";
  if (row.student) {
    const open = make("button", "l-open", row.title);
    open.type = "button";
    open.dataset.student = row.student;
    open.title = "Compare it with its teacher and the hybrid";
    words.append(open);
  } else words.append(make("b", "l-plain", row.title));
  words.append(make("small", "", row.state || row.about));
  const cell = make("div", "l-cell");
  cell.append(mark, words);
  name.append(cell);
  tr.append(name);
  for (const [by, label] of COLUMNS.slice(1)) {
    const [, value, ends] = row.cells[by], cell = make("td");
    cell.dataset.label = label;
    cell.append(make("b", "", value));
    if (ends) cell.append(" ", make("small", "", ends));
    tr.append(cell);
  }
  return tr;
}

function drawTable() {
  drawHead();
  const held = document.activeElement?.dataset?.student;
  $("tbody").replaceChildren(...inOrder(props.value.rows).map(line));
  if (held) $(`.l-open[data-student="${held}"]`)?.focus();
}

// -- everything

const figure = () => props.value?.figures?.[across] ?? null;

async function drawPlot() {
  if (!box.open || !props.value) return;
  const text = figure();
  $(".plot-wait").hidden = Boolean(text);
  $(".plot-box").classList.toggle("l-none", !text);
  if (!(await drawFigure($(".plot"), text, figure))) return;
  element.dataset.ready = "1";
  const plot = $(".plot");
  plot.removeAllListeners?.("plotly_click");
  plot.on?.("plotly_click", (event) => {
    const student = event.points[0]?.data.customdata?.[0];
    if (student) trigger("compare", { student });
  });
}

function drawChoices() {
  const box = $(".l-choices");
  const choices = props.value.choices ?? [];
  box.hidden = !figure();
  if (box.children.length !== choices.length)
    box.replaceChildren(...choices.map(([choice, words]) => { const b = make("button", "", words); b.type = "button"; b.dataset.choice = choice; return b; }));
  for (const button of box.children) button.setAttribute("aria-pressed", button.dataset.choice === across);
}

function draw() {
  const value = props.value;
  if (!value) return;
  element.hidden = !value.title && !value.said?.length;
  $(".l-sum").textContent = [value.title, value.summary].filter(Boolean).join(": ");
  $(".l-problem").hidden = !value.problem;
  $(".l-problem").textContent = value.problem ?? "";
  $(".l-said").replaceChildren(...(value.said ?? []).map((text) => make("p", "", text)));
  $(".l-note").textContent = value.rows.length ? value.note : "";
  $(".l-about").textContent = value.action?.about ?? "";
  const button = $(".l-measure");
  button.hidden = !value.action?.text;
  button.textContent = value.action?.text ?? "";
  button.disabled = !value.action?.enabled;
  $(".l-two").hidden = !value.rows.length;
  drawChoices();
  drawTable();
  drawPlot();
}

element.addEventListener("click", (event) => {
  const { choice, by, sign, student } = event.target.closest("button")?.dataset ?? {};
  if (event.target.closest(".l-measure")) { event.target.disabled = true; trigger("measure", {}); }
  if (student) trigger("compare", { student });
  if (choice) { across = choice; draw(); }
  if (by) { sort = { by, sign: sort.by === by ? -sort.sign : Number(sign) }; drawTable(); }
});
$(".l-sort").addEventListener("change", (event) => {
  const [by, , sign] = COLUMNS.find(([name]) => name === event.target.value);
  sort = { by, sign };
  drawTable();
});
box.addEventListener("toggle", () => {
  try { localStorage.setItem("studio:leaderboard", box.open ? "1" : ""); } catch { /* private mode */ }
  if (box.open) { drawPlot(); trigger("look", {}); }
});
try { box.open = localStorage.getItem("studio:leaderboard") === "1"; } catch { /* private mode */ }

draw();
watch("value", draw);
followTheme(drawPlot);
