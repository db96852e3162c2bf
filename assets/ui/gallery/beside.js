// Two runs side by side: settings that differ, figures with intervals, pictures by the same seed.
import { file, make } from "../kit/dom.js";

/** @typedef {{ id: string, title: string, when: string, state: string }} Side */
/** @typedef {{ name: string, a: string, b: string, differs: boolean }} Setting */
/** @typedef {{ seed: number, of: string, a: string | null, b: string | null }} Picture */
/** @typedef {{ name: string, a: [string, string], b: [string, string] }} Figure */
/**
 * @typedef {object} Two
 * @property {[Side, Side]} runs
 * @property {Setting[]} settings
 * @property {Picture[]} pictures
 * @property {number} left_off
 * @property {Figure[]} figures
 * @property {string} [problem]
 */

/** @param {Two} two */
export function drawn(two) {
  const heads = two.runs.map((run) => `${run.title} · ${run.when}`);
  const parts = [names(two.runs), section("What differs", settings(two, heads))];
  if (two.figures.length) parts.push(section("Figures with their intervals", figures(two, heads)));
  if (two.pictures.length) parts.push(section("Pictures of the same seed", pictures(two)));
  if (two.left_off) parts.push(make("p", "table-note", `${two.left_off} more pictures are in the runs.`));
  return parts;
}

/** @param {[Side, Side]} runs */
function names(runs) {
  const box = make("div", "g-names");
  for (const [i, run] of runs.entries()) {
    const one = make("p");
    one.append(make("i", "", "AB"[i]), make("b", "", run.title), make("small", "", [run.when, run.state].join(" · ")));
    box.append(one);
  }
  return box;
}

/**
 * @param {string} title
 * @param {HTMLElement} body
 */
function section(title, body) {
  const box = make("section");
  box.append(make("h3", "shelf-head", title), body);
  return box;
}

/**
 * @param {(string | HTMLElement)[][]} rows
 * @param {string[]} heads
 */
function table(rows, heads) {
  const scroll = make("div", "shelf-scroll"), node = make("table", "figures g-table");
  const head = make("tr"), top = make("thead"), body = make("tbody");
  head.append(make("td"), ...["A", "B"].map((side, i) => Object.assign(make("th", "", side), { title: heads[i], scope: "col" })));
  for (const [name, ...cells] of rows) {
    const row = make("tr"), first = make("th");
    first.scope = "row";
    first.append(name);
    row.append(first, ...cells.map((cell) => {
      const one = make("td");
      one.append(cell);
      return one;
    }));
    body.append(row);
  }
  top.append(head);
  node.append(top, body);
  scroll.append(node);
  return scroll;
}

/**
 * @param {Two} two
 * @param {string[]} heads
 */
function settings(two, heads) {
  const box = make("div"), differ = two.settings.filter((row) => row.differs), same = two.settings.filter((row) => !row.differs);
  /** @param {Setting[]} rows */
  const drawn = (rows) => table(rows.map((row) => [row.name, row.a || "–", row.b || "–"]), heads);
  box.append(differ.length ? drawn(differ) : make("p", "table-note", "Nothing: both were asked for in the same way."));
  if (same.length) {
    const rest = make("details");
    rest.append(make("summary", "", `${same.length} settings are the same`), drawn(same));
    box.append(rest);
  }
  return box;
}

/**
 * @param {Two} two
 * @param {string[]} heads
 */
function figures(two, heads) {
  /** @param {[string, string]} figure */
  const cell = ([value, interval]) => {
    const box = make("span", "", value);
    if (interval) box.append(" ", make("small", "", interval));
    return box;
  };
  return table(two.figures.map((row) => [row.name, cell(row.a), cell(row.b)]), heads);
}

/** @param {Two} two */
function pictures({ pictures: all, runs }) {
  const box = make("div", "g-pictures");
  for (const one of all) {
    const pair = make("figure"), sides = make("div");
    for (const [i, path] of [one.a, one.b].entries()) {
      const alt = `${"AB"[i]}, ${one.of}, seed ${one.seed}`;
      if (path === null) sides.append(make("span", "g-lacks", "–"));
      else sides.append(Object.assign(new Image(), { loading: "lazy", alt, src: file(runs[i].id, path) }));
    }
    pair.append(sides, make("figcaption", "", `${one.of} · seed ${one.seed}`));
    box.append(pair);
  }
  return box;
}
