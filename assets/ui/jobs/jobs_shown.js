// What the jobs panel shows of a run: strips, beliefs, losses, figures and numbers, each patched in place. Put before jobs.js,
// which has the helpers ($, make, put, file) and the state (view, shown, picked) that are used here.

const plural = (n, word) => `${n} ${word}${+n === 1 ? "" : "s"}`;
const upTo = (rows, step) => (step === null ? rows.at(-1) : rows.findLast((row) => row.step <= step) ?? rows[0]);

// `use(url)` once the picture is there, so that a slow line does not blink; the last one asked for wins.
function whenLoaded(node, path, use) {
  const source = file(view.detail.run, path);
  if (node.dataset.source === source) return;
  node.dataset.source = source;
  const next = new Image();
  next.onload = () => { if (node.dataset.source === source) use(next.src); };
  next.src = source;
}

// A slider over training steps; at its end it follows the newest.
function drawTime(of, steps) {
  const box = $(`.j-time[data-of=${of}]`), range = $("input", box);
  const at = picked.step === null ? steps.length - 1 : Math.max(0, steps.findLastIndex((step) => step <= picked.step));
  box.hidden = steps.length < 2;
  range.max = steps.length - 1;
  range.value = at;
  range.dataset.steps = JSON.stringify(steps);
  put($("output", box), steps.length ? `step ${steps[at].toLocaleString("en")}` : "");
}

function stripRow(className, title, tone) {
  const row = make("figure", "j-row"), caption = make("figcaption"), image = make("img", className);
  row.style.setProperty("--tone", `var(${tone})`);
  caption.append(make("b", "", title), make("small"));
  row.append(caption, image);
  return row;
}

function drawStrips(detail) {
  const { strips } = detail, live = ["queued", "loading", "running", "paused"].includes(detail.state), rows = $(".j-strip-rows");
  $(".j-strips").hidden = !detail.teaches && !strips;
  const wait = $(".j-strip-wait");
  wait.hidden = Boolean(strips);
  put(wait, live ? "The first strip appears once the teacher is open." : "This run drew no pictures.");
  const slides = strips && Object.values(strips.counts).flat().find((row) => row.strengths)?.strengths; // of a slider's pictures
  const counts = strips ? Object.keys(strips.counts) : [], key = `${detail.run} ${Boolean(strips?.teacher)} ${counts}`;
  if (rows.dataset.key !== key) {
    rows.dataset.key = key;
    rows.replaceChildren(...(strips?.teacher ? [stripRow("j-teacher", "Teacher", "--arm-teacher")] : []),
      ...counts.map(() => stripRow("j-student", slides ? "Slider" : "Student", slides ? "--arm-hybrid-1" : "--arm-student")));
  }
  $(".j-prompts").hidden = !strips;
  drawTime("strips", strips ? [...new Set(Object.values(strips.counts).flat().map((row) => row.step))].sort((a, b) => a - b) : []);
  if (!strips) return;
  const any = upTo(strips.counts[counts[0]], picked.step), prompts = any.prompts ?? [];
  const about = `${prompts.map((p) => `“${p}”`).join(", ")}, seeds ${(any.seeds ?? []).join(" and ")}`;
  if (strips.teacher) {
    const row = rows.firstChild, image = $("img", row);
    put($("small", row), plural(strips.teacher.sampling_steps, "step"));
    whenLoaded(image, strips.teacher.strip, (url) => { image.src = url; image.alt = `Teacher: ${about}`; });
  }
  counts.forEach((n, i) => {
    const row = rows.children[i + (strips.teacher ? 1 : 0)], image = $("img", row), found = upTo(strips.counts[n], picked.step);
    put($("small", row), slides ? `strength ${slides.join(", ").replaceAll("-", "−")}` : plural(n, "step"));
    whenLoaded(image, found.strip, (url) => {
      image.src = url;
      const what = slides ? `Strengths ${slides.join(", ")} after` : "Student after";
      image.alt = `${what} ${found.step} training steps, sampled in ${plural(n, "step")}: ${about}`;
    });
  });
  const captions = $(".j-prompts");
  if (captions.dataset.key !== prompts.join("|")) {
    captions.dataset.key = prompts.join("|");
    captions.replaceChildren(...prompts.map((p) => { const s = make("span", "", p); s.title = p; return s; }));
  }
}

// One sheet of pictures a training step, cut into cells: of every prompt x, then the levels, row by row.
function sheetCells(beliefs, newest) {
  const { rows, columns, levels } = beliefs, wide = 1 + columns.length, prompts = newest.prompts ?? [];
  const names = make("div", "j-sheet-names");
  names.append(make("span"), ...rows.map(([heading, what, tone]) => rowName(heading, what, tone)));
  names.style.setProperty("--rows", rows.length);
  const blocks = prompts.map((prompt, p) => {
    const block = make("div", "j-block");
    block.style.setProperty("--columns", wide);
    const head = [make("span", "", "x"), ...columns.map((t, i) => { const s = make("span", "", t); s.title = `${levels[i]} the signal`; s.append(make("small", "", levels[i])); return s; })];
    const cells = rows.flatMap(([heading, what, tone], r) => [rowName(heading, what, tone), ...Array.from({ length: wide }, (_, c) => {
      const cell = make("i", r && !c ? "" : "j-cell"), across = prompts.length * wide;
      cell.style.backgroundSize = `${100 * across}% ${100 * rows.length}%`;
      cell.style.backgroundPosition = `${(100 * (p * wide + c)) / (across - 1)}% ${(100 * r) / (rows.length - 1)}%`;
      return cell;
    })]);
    block.append(...head, ...cells, make("p", "", prompt));
    return block;
  });
  return [names, ...blocks];
}
function rowName(heading, what, tone) {
  const name = make("span", "j-row-name");
  name.style.setProperty("--tone", `var(${tone})`);
  name.append(make("b", "", heading), make("small", "", what));
  return name;
}

function drawBeliefs(detail) {
  const { beliefs } = detail, sheet = $(".j-sheet");
  $(".j-beliefs").hidden = !beliefs;
  if (!beliefs) return;
  const found = upTo(beliefs.steps, picked.step);
  put($(".j-about"), beliefs.about);
  const key = JSON.stringify([detail.run, beliefs.rows, beliefs.columns, found.prompts]);
  if (sheet.dataset.key !== key) {
    sheet.dataset.key = key;
    sheet.replaceChildren(...sheetCells(beliefs, found));
    sheet.style.setProperty("--blocks", (found.prompts ?? []).length);
  }
  drawTime("beliefs", beliefs.steps.map((row) => row.step));
  whenLoaded(sheet, found.triple, (url) => {
    sheet.style.setProperty("--sheet", `url("${url}")`);
    sheet.dataset.ready = "1";
    sheet.setAttribute("aria-label", `After ${found.step} training steps, ${(found.prompts ?? []).map((p) => `“${p}”`).join(" and ")}, ` +
      `seed ${found.seed}: x, and at ${beliefs.columns.join(", ")}: ${beliefs.rows.map(([heading]) => heading).join(", ")}`);
  });
}

// A slider's table: a model a row, its mean reading at every strength, slope and rank correlation. Other kinds of job name
// their own columns and have nothing behind them.
function drawResponse(detail) {
  const { response } = detail, box = $(".j-response"), table = $("table", box);
  box.hidden = !response && !detail.response_wait;
  $(".j-figures").hidden = Boolean(detail.response_wait);
  put($("h4", box), detail.response_title);
  put($(".j-caution", box), response ? response.about : detail.response_wait);
  const key = JSON.stringify([detail.run, response]);
  if (table.dataset.key === key) return;
  table.dataset.key = key;
  if (!response) { table.replaceChildren(); return; }
  const figure = ([value, interval]) => { const cell = make("td", "", value); cell.append(make("small", "", interval)); return cell; };
  const head = make("tr"), above = make("tr"), columns = response.columns ?? response.strengths, after = response.strengths ? ["slope", "Spearman", "even from"] : [];
  const span = make("th", "", response.over ?? "mean reading at strength");
  span.colSpan = columns.length;
  above.append(make("th"), span);
  head.append(make("th", "", "model"), ...[...columns, ...after].map((name) => { const th = make("th", "", name); th.scope = "col"; return th; }));
  table.replaceChildren(above, head, ...response.rows.map((row) => {
    const line = make("tr"), name = make("th", "", row.model);
    name.scope = "row";
    name.style.setProperty("--tone", `var(${row.tone})`);
    name.append(make("small", "", row.when));
    line.append(name, ...row.cells.map(figure));
    if (after.length) line.append(figure(row.slope), make("td", "", row.spearman), make("td", "", row.even));
    return line;
  }));
}

const small = new Map(); // key -> small figure; kept and used again, as one that is being drawn must not be taken apart

function smallFigure({ key, title, note }) {
  if (!small.has(key)) {
    const item = make("div", "j-number"), head = make("div"), box = make("div", "plot-box"), plot = make("div", "plot");
    head.append(make("b", "", title), make("span"));
    plot.dataset.number = key;
    box.append(plot);
    item.append(head, make("p", "", note), box);
    small.set(key, item);
  }
  return small.get(key);
}

function drawNumbers(detail) {
  const box = $(".j-numbers"), key = detail.numbers.map((number) => number.key).join();
  $(".j-numbers-box").hidden = !detail.numbers.length;
  if (box.dataset.key !== key) {
    box.dataset.key = key;
    box.replaceChildren(...detail.numbers.map(smallFigure));
  }
  detail.numbers.forEach(({ values }, i) => $("span", box.children[i]).replaceChildren(...values.map(([value, tone, name]) => {
    const shown = make("em", "", value);
    shown.style.color = `var(${tone})`;
    shown.title = name;
    return shown;
  })));
}

// One pass at a time, each over the newest detail: a figure must not be cleared while an older pass still draws it.
let passing = false, again = false;
async function drawFigures() {
  again = true;
  if (passing) return;
  passing = true;
  try {
    while (again) {
      again = false;
      for (const box of element.querySelectorAll(".plot")) await drawNewest(box);
    }
  } finally { passing = false; }
}
async function drawNewest(box) {
  const { figure: name, number } = box.dataset;
  const find = () => (name ? view?.detail?.figures?.[name] : view?.detail?.numbers?.find((one) => one.key === number)?.figure);
  const text = find(), wait = box.parentElement.querySelector(".plot-wait");
  if (wait) wait.hidden = Boolean(text);
  const key = `${document.body.classList.contains("dark")} ${text}`, slot = name ?? `number ${number}`;
  if (shown[slot] === key) return;
  shown[slot] = key;
  if (await drawFigure(box, text, find)) box.dataset.ready = "1";
}
