// The wall of the scrubber: its rows, cells and the small print around them. Continues scrub.js.

const LEAST = 64, MOST = 156; // px of a picture: below the first a row breaks into lines

function buildWall() {
  const wall = $(".sc-wall");
  wall.replaceChildren();
  const heads = make("div", "sc-heads");
  for (const seed of view.seeds) { const head = make("button", "w-seed", seed); head.type = "button"; head.dataset.seed = seed; heads.append(head); }
  wall.append(make("div", "w-corner", "seed"), heads);
  parts = rows.map((row, k) => {
    const meta = make("button", "sc-meta"), name = make("b", "", row.title), about = make("small", "sc-about", row.about);
    meta.type = "button";
    meta.dataset.arm = row.arm;
    meta.title = row.meaning;
    const at = make("span", "sc-at"), where = make("span", "sc-where");
    meta.append(name, about, at, where);
    const lane = make("div", "sc-lane"), canvas = make("canvas"), cells = make("div", "sc-cells");
    canvas.setAttribute("role", "img");
    for (const seed of view.seeds) {
      const cell = make("button", "sc-cell");
      cell.type = "button";
      Object.assign(cell.dataset, { arm: row.arm, seed });
      cell.setAttribute("aria-label", `${row.title}, seed ${seed}`);
      cell.tabIndex = -1;
      cells.append(cell);
    }
    lane.append(canvas, cells);
    for (const node of [meta, lane]) node.style.setProperty("--tone", `var(--arm-${row.tone})`);
    wall.append(meta, lane);
    return { meta, at, where, lane, canvas, cells, ctx: canvas.getContext("2d"), row: k, shown: -1 };
  });
  const box = $(".sc-large");
  box.replaceChildren();
  large = rows.map((row) => {
    const figure = make("figure", "sc-one"), canvas = make("canvas"), words = make("figcaption", "", row.title);
    figure.dataset.arm = row.arm;
    figure.style.setProperty("--tone", `var(--arm-${row.tone})`);
    figure.append(canvas, words);
    box.append(figure);
    return { figure, canvas, words, ctx: canvas.getContext("2d") };
  });
}

// Sizes in CSS: how many pictures stand in a line, and how large. What the canvases hold follows from their strips.
function layout() {
  if (!rows.length || !axis || !parts.length) return;
  const width = parts[0].lane.clientWidth, apart = 1 / 16; // a gap is this part of a picture
  if (!width) return; // the tab is not shown
  const columns = Math.max(1, Math.min(n(), Math.floor((width / LEAST + apart) / (1 + apart)))), lines = Math.ceil(n() / columns);
  const cell = Math.min(MOST, width / (columns + (columns - 1) * apart)), gap = cell * apart;
  if (strips.arrange(n(), columns)) want();
  for (const part of parts) {
    part.canvas.style.width = `${columns * (cell + gap) - gap}px`;
    part.canvas.style.height = `${lines * (cell + gap) - gap}px`;
  }
  for (const grid of [...parts.map((part) => part.cells), $(".sc-heads")]) {
    grid.style.gridTemplateColumns = `repeat(${columns}, ${cell}px)`;
    grid.style.gap = `${gap}px`;
    grid.style.gridAutoRows = grid.matches(".sc-cells") ? `${cell}px` : "";
  }
  $(".sc-heads").hidden = $(".w-corner").hidden = lines > 1;
  root.dataset.lines = lines;
  $(".sc-slider").max = axis.count - 1;
  $(".sc-slider").value = tick;
  drawSchedule($(".sc-schedule"), rows, axis, $(".sc-track").clientWidth, role);
  redraw();
  small();
}

function mark() {
  for (const part of parts) {
    const row = rows[part.row];
    part.meta.setAttribute("aria-pressed", row.arm === chosen.arm);
    for (const cell of part.cells.children) {
      const here = +cell.dataset.seed === chosen.seed;
      cell.classList.toggle("on", here && row.arm === chosen.arm);
      cell.classList.toggle("column", here);
      cell.tabIndex = here && row.arm === chosen.arm ? 0 : -1;
    }
  }
  for (const head of $(".sc-heads").children) head.classList.toggle("on", +head.dataset.seed === chosen.seed);
  large.forEach((part, k) => part.figure.classList.toggle("on", rows[k].arm === chosen.arm));
  say($(".sc-seed"), String(chosen.seed));
}

// Which of the options are set, and what can be flickered with.
function options() {
  const set = (name, value) => { for (const b of element.querySelectorAll(`[data-${name}]`)) if (b.matches("button")) b.setAttribute("aria-checked", b.dataset[name] === value); };
  set("sync", sync);
  set("show", show);
  const noisy = rows.some((row) => row.noisy?.some(Boolean));
  const button = $("[data-show=noisy]");
  button.disabled = !noisy && (Boolean(kept) || view.live);
  button.title = noisy ? "The noisy state itself" : "The noisy states themselves; their pictures are made when you press this";
  const select = $(".sc-against"), key = JSON.stringify([pin, sync, rows.map((row) => row.arm)]);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    const pinned = pin === null ? [] : [new Option(axis.levels ? `the pinned moment, noise ${written(axis.levels[pin])}` : `the pinned step ${pin + 1}`, "pin")];
    select.replaceChildren(new Option("the last picture", "end"), ...pinned, ...rows.map((row) => new Option(row.title, row.arm)));
  }
  select.value = against;
}

// Strips in the order in which they make the whole usable soonest.
function want() {
  const lengths = rows.map((row) => (row.steps ?? []).length), order = coarseToFine(lengths);
  const paths = [...new Set(order.map(([row, index]) => rows[row].strips?.[index]))];
  const noisy = show === "noisy" ? [...new Set(order.map(([row, index]) => rows[row].noisy?.[index]))] : [];
  const total = new Set(rows.flatMap((row) => row.strips ?? [])).size * (show === "noisy" ? 2 : 1);
  strips.want([...noisy, ...paths], Math.max(total, lengths.reduce((a, b) => a + b, 0)));
}

// What the oracle reads in the chosen picture now, beside what it reads in the last one.
function reads() {
  const box = $(".sc-reads"), row = rowOf(chosen.arm), arm = table?.arms[chosen.arm], index = axis.index(row, tick);
  const k = view.seeds.indexOf(chosen.seed);
  rows.forEach((one, i) => {
    const at = axis.index(i, tick), found = table?.arms[one.arm];
    const inside = found?.inside?.[at]?.[k];
    say(large[i].words, `${one.title}${at < 0 ? ", not begun" : `, step ${at + 1}`}${inside === 0 ? ", not yet a picture to the oracle" : ""}`);
  });
  if (!arm || table.kind !== "oracle" || index < 0 || !arm.inside?.[index]) { say(box, ""); return; }
  const said = table.factors.map((factor, i) => {
    if (i >= FIRST && factor.things && !factor.things.length) return "";
    const labels = arm.factors[factor.name].labels, words = i < FIRST || !factor.things ? factor.values : factor.things;
    const now = words[labels[index][k]], end = words[labels[labels.length - 1][k]];
    return now === end ? (now === "nothing" ? "" : now) : `${now} (then ${end})`;
  }).filter(Boolean);
  say(box, `The oracle reads ${rows[row].title} here as: ${said.join(", ")}.`);
}
