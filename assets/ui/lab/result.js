// A study's figure, verdicts, tables and the command that repeats it. value = Studies.body(). Needs figure.js before it.

const $ = (selector, from = element) => from.querySelector(selector);
const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const NARROW_PX = 620;
const article = $(".lab-result");
let narrow = null;

const figure = () => {
  const found = props.value?.figure;
  return found ? (narrow ? found.narrow : found.wide) : null;
};

async function drawPlot() {
  if (!element.offsetParent) return; // drawn when the tab is shown: a hidden box has no width
  narrow = element.clientWidth < NARROW_PX;
  const text = figure(), plot = $(".plot");
  for (const arm of ["teacher", "student"]) element.style.setProperty(`--area-${arm}`, `${css(`--arm-${arm}`)}33`); // a fifth of the colour
  plot.style.height = text ? `${JSON.parse(text).layout.height}px` : "";
  if (await drawFigure(plot, text, figure)) element.dataset.ready = `${props.value.run ?? ""} ${narrow ? "narrow" : "wide"}`;
}

function drawVerdict(row) {
  const item = make("div", "lab-verdict"), head = make("div", "lab-head"), numbers = make("p", "lab-numbers");
  item.dataset.verdict = row.verdict;
  head.append(make("i", "", row.id), make("b", "", row.statement), make("span", "lab-mark", row.verdict));
  numbers.append(make("span", "", "effect "), make("b", "", row.effect), ` ${row.interval} `, make("span", "", `${row.unit} · n = ${row.n}`));
  item.append(head, make("p", "lab-sentence", row.sentence), numbers);
  if (row.expected) item.append(make("p", "lab-expected", `Expected: ${row.expected}.`));
  if (row.cautions.length) item.append(make("p", "line notice", `Caution: ${row.cautions.join("; ")}.`));
  return item;
}

function drawTable(table) {
  const box = make("details", "lab-table"), summary = make("summary"), scroll = make("div", "lab-scroll");
  const node = make("table", "figures"), head = make("tr");
  summary.append(make("h3", "", table.title), make("span", "lab-count", `${table.rows.length} ${table.rows.length === 1 ? "row" : "rows"}`));
  head.append(...table.heads.map((name) => { const cell = make("th", "", name); cell.scope = "col"; return cell; }));
  const thead = make("thead"), tbody = make("tbody");
  thead.append(head);
  tbody.append(...table.rows.map((row) => {
    const tr = make("tr"), name = make("th");
    name.scope = "row";
    name.style.setProperty("--tone", `var(--arm-${row.tone})`);
    name.append(make("i"), row.name);
    tr.append(name, ...row.cells.map(([value, reach], i) => {
      const cell = make("td");
      cell.dataset.label = table.heads[i + 1];
      cell.append(make("b", "", value));
      if (reach) cell.append(" ", make("small", "", reach));
      return cell;
    }));
    return tr;
  }));
  node.append(thead, tbody);
  scroll.append(node);
  box.append(summary, scroll);
  return box;
}

let tablesOf = "";
function drawTables(value) {
  const box = $(".lab-tables"), first = tablesOf !== value.run;
  const open = first ? [0] : [...box.children].flatMap((node, i) => (node.open ? [i] : []));
  tablesOf = value.run;
  box.replaceChildren(...(value.tables ?? []).map(drawTable));
  open.forEach((i) => { if (box.children[i]) box.children[i].open = true; });
}

function draw() {
  const value = props.value ?? {};
  article.hidden = !value.study;
  if (!value.study) { drawPlot(); return; }
  $(".lab-problem").hidden = !value.problem;
  $(".lab-problem").textContent = value.problem;
  $(".lab-question").textContent = value.question;
  $(".lab-basis").textContent = value.basis;
  $(".plot-wait").hidden = Boolean(value.figure) || !value.wait;
  $(".plot-wait").textContent = value.wait ?? "";
  $(".lab-figure").hidden = !value.figure && !value.wait;
  $("figcaption").textContent = value.figure ? value.caption : "";
  $(".lab-said").hidden = !value.basis;
  $(".lab-no-verdict").textContent = value.none ?? "";
  $(".lab-caution").hidden = !value.cautions?.length;
  $(".lab-caution").textContent = value.cautions?.length ? `Caution, for all of them: ${value.cautions.join("; ")}.` : "";
  $(".lab-verdicts").replaceChildren(...value.verdicts.map(drawVerdict));
  drawTables(value);
  $(".lab-again").hidden = !value.command;
  $(".lab-command code").textContent = value.command;
  $(".lab-facts").replaceChildren(...value.facts.map(([name, text]) => { const pair = make("div"); pair.append(make("dt", "", name), make("dd", "", text)); return pair; }));
  drawPlot();
}

element.addEventListener("click", async (event) => {
  const button = event.target.closest(".lab-command button");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(props.value.command);
    button.textContent = "Copied";
  } catch { // no permission, or no secure address: the text is selected instead
    getSelection().selectAllChildren($(".lab-command code"));
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});

new ResizeObserver(() => { if (element.offsetParent && (narrow !== element.clientWidth < NARROW_PX || !element.dataset.ready)) drawPlot(); }).observe(element);
draw();
watch("value", draw);
followTheme(drawPlot);
