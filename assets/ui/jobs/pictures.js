// Pictures of a background run over its training steps: strips on fixed seeds, and what the networks believe.
import { attr, file, find, make, put, rebuild, tone } from "../kit/dom.js";
import { plural } from "../kit/numbers.js";
import { cellOf, placeOf, stepsOf, stepWords, upTo } from "./moments.js";

/** @typedef {import("./types.js").Detail} Detail */
/** @typedef {import("./types.js").StripAt} StripAt */
/** @typedef {import("./types.js").BeliefRow} BeliefRow */

const LIVE = ["queued", "loading", "running", "paused"];

/**
 * Calls `use(url)` once the picture is there, so that a slow line does not blink; the last one asked for wins.
 * @param {HTMLElement} node
 * @param {string} source
 * @param {(url: string) => void} use
 */
function whenLoaded(node, source, use) {
  if (node.dataset.source === source) return;
  node.dataset.source = source;
  const next = new Image();
  next.onload = () => {
    if (node.dataset.source === source) use(next.src);
  };
  next.src = source;
}

/**
 * A slider over training steps; at its end it follows the newest.
 * @param {HTMLElement} element
 * @param {"strips" | "beliefs"} of
 * @param {number[]} steps
 * @param {number | null} step
 */
function drawTime(element, of, steps, step) {
  const box = find(`.j-time[data-of=${of}]`, element), range = find("input", box, HTMLInputElement), at = placeOf(steps, step);
  box.hidden = steps.length < 2;
  range.max = String(steps.length - 1);
  range.value = String(at);
  range.dataset.steps = JSON.stringify(steps);
  put(find("output", box), steps.length ? stepWords(steps[at]) : "");
}

/**
 * @param {string} className
 * @param {string} title
 * @param {string} colour
 */
function stripRow(className, title, colour) {
  const row = make("figure", "j-row"), caption = make("figcaption");
  tone(row, colour);
  caption.append(make("b", "", title), make("small"));
  row.append(caption, make("img", className));
  return row;
}

/**
 * @param {Element} row
 * @param {string} words
 * @param {string} source
 * @param {string} alt
 */
function fillRow(row, words, source, alt) {
  const image = find("img", row, HTMLImageElement);
  put(find("small", row), words);
  whenLoaded(image, source, (url) => Object.assign(image, { src: url, alt }));
}

/**
 * @param {HTMLElement} element
 * @param {Detail} detail
 * @param {number | null} step
 */
export function drawStrips(element, detail, step) {
  const { strips } = detail, wait = find(".j-strip-wait", element), captions = find(".j-prompts", element);
  find(".j-strips", element).hidden = !detail.teaches && !strips;
  wait.hidden = Boolean(strips);
  const first = "The first strip appears once the teacher is open.";
  put(wait, LIVE.includes(detail.state) ? first : "This run drew no pictures.");
  captions.hidden = !strips;
  if (!strips) rebuild(find(".j-strip-rows", element), detail.run, () => []);
  const rows = strips ? Object.values(strips.counts).flat() : [];
  drawTime(element, "strips", stepsOf(rows), step);
  if (!strips) return;
  const prompts = drawRows(find(".j-strip-rows", element), detail.run, strips, step);
  rebuild(captions, prompts.join("|"), () => prompts.map((text) => Object.assign(make("span", "", text), { title: text })));
}

/**
 * Rows of the teacher and of every number of steps; the prompts of their pictures.
 * @param {HTMLElement} box
 * @param {string} run
 * @param {import("./types.js").Strips} strips
 * @param {number | null} step
 */
function drawRows(box, run, strips, step) {
  const counts = Object.entries(strips.counts), { teacher } = strips;
  const slides = counts.flatMap(([, rows]) => rows).find((row) => row.strengths)?.strengths; // of a slider's pictures
  const beside = counts.flatMap(([, rows]) => rows).find((row) => row.columns)?.columns; // of what is drawn with it and without
  const name = slides ? "Slider" : beside ? "Side by side" : "Student";
  rebuild(box, `${run} ${Boolean(teacher)} ${name} ${counts.map(([n]) => n)}`, () => [
    ...(teacher ? [stripRow("j-teacher", "Teacher", "--arm-teacher")] : []),
    ...counts.map(() => stripRow("j-student", name, slides ? "--arm-hybrid-1" : "--arm-student")),
  ]);
  const any = upTo(counts[0][1], step), prompts = any.prompts ?? [];
  const about = `${prompts.map((text) => `“${text}”`).join(", ")}, seeds ${(any.seeds ?? []).join(" and ")}`;
  if (teacher) fillRow(box.children[0], plural(teacher.sampling_steps, "step"), file(run, teacher.strip), `Teacher: ${about}`);
  counts.forEach(([n, all], i) => {
    const found = upTo(all, step), plain = beside ? `${beside.join(", ")}; ${plural(n, "step")}` : plural(n, "step");
    const words = slides ? `strength ${slides.join(", ").replaceAll("-", "−")}` : plain;
    const what = slides ? `Strengths ${slides.join(", ")} after` : beside ? `${beside.join(", ")}, after` : "Student after";
    const alt = `${what} ${found.step} training steps, sampled in ${plural(n, "step")}: ${about}`;
    fillRow(box.children[i + (teacher ? 1 : 0)], words, file(run, found.strip), alt);
  });
  return prompts;
}

/** @param {BeliefRow} row */
function rowName([heading, what, colour]) {
  const name = make("span", "j-row-name");
  tone(name, colour);
  name.append(make("b", "", heading), make("small", "", what));
  return name;
}

/**
 * One sheet of pictures a training step, cut into cells: of every prompt x, then the levels, row by row.
 * @param {import("./types.js").Beliefs} beliefs
 * @param {string[]} prompts
 */
function sheetCells(beliefs, prompts) {
  const { rows, columns, levels } = beliefs, wide = 1 + columns.length, names = make("div", "j-sheet-names");
  names.append(make("span"), ...rows.map(rowName));
  names.style.setProperty("--rows", String(rows.length));
  const blocks = prompts.map((prompt, p) => {
    const block = make("div", "j-block");
    block.style.setProperty("--columns", String(wide));
    const heads = columns.map((t, i) => {
      const head = make("span", "", t);
      head.title = `${levels[i]} the signal`;
      head.append(make("small", "", levels[i]));
      return head;
    });
    const cells = rows.flatMap((row, r) => [rowName(row), ...Array.from({ length: wide }, (_, c) => {
      const cell = make("i", r && !c ? "" : "j-cell"), where = cellOf(p * wide + c, r, prompts.length * wide, rows.length);
      cell.style.backgroundSize = where.size;
      cell.style.backgroundPosition = where.position;
      return cell;
    })]);
    block.append(make("span", "", "x"), ...heads, ...cells, make("p", "", prompt));
    return block;
  });
  return [names, ...blocks];
}

/**
 * @param {HTMLElement} element
 * @param {Detail} detail
 * @param {number | null} step
 */
export function drawBeliefs(element, detail, step) {
  const { beliefs } = detail, sheet = find(".j-sheet", element);
  find(".j-beliefs", element).hidden = !beliefs;
  if (!beliefs) return;
  const found = upTo(beliefs.steps, step), prompts = found.prompts ?? [];
  put(find(".j-about", element), beliefs.about);
  rebuild(sheet, JSON.stringify([detail.run, beliefs.rows, beliefs.columns, prompts]), () => sheetCells(beliefs, prompts));
  sheet.style.setProperty("--blocks", String(prompts.length));
  drawTime(element, "beliefs", beliefs.steps.map((row) => row.step), step);
  whenLoaded(sheet, file(detail.run, found.triple), (url) => {
    sheet.style.setProperty("--sheet", `url("${url}")`);
    sheet.dataset.ready = "1";
    const asked = prompts.map((text) => `“${text}”`).join(" and "), shown = beliefs.rows.map(([heading]) => heading).join(", ");
    const where = `seed ${found.seed}: x, and at ${beliefs.columns.join(", ")}: ${shown}`;
    attr(sheet, "aria-label", `After ${found.step} training steps, ${asked}, ${where}`);
  });
}
