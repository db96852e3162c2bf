// What the panel says of a run in words and tables, each patched in place.
import { button, file, find, make, put, rebuild, tone } from "../kit/dom.js";
import { stepWords } from "./moments.js";

/** @typedef {import("./types.js").Detail} Detail */
/** @typedef {import("./types.js").Reading} Reading */
/** @typedef {import("./types.js").ResponseRow} ResponseRow */

const AT_END_PX = 30; // a log that is scrolled to its end stays there
const OF_SLIDERS = ["slope", "Spearman", "even from"];

/**
 * @param {HTMLElement} element
 * @param {Detail} detail
 */
export function drawActions(element, detail) {
  const box = find(".j-actions", element), active = document.activeElement;
  const held = active instanceof HTMLElement ? active.dataset.action : "";
  const buttons = detail.actions.map(([action, words]) => button("tool", words, { action }));
  if (!rebuild(box, JSON.stringify([detail.run, detail.actions]), () => buttons) || box.contains(document.activeElement)) return;
  if (held) buttons.find((one) => one.dataset.action === held)?.focus({ preventScroll: true });
}

/**
 * @param {HTMLElement} element
 * @param {Detail} detail
 */
export function drawFacts(element, detail) {
  const box = find(".j-facts", element);
  rebuild(box, detail.facts.map(([name]) => name).join(), () => detail.facts.map(([name]) => {
    const pair = make("div");
    pair.append(make("dt", "", name), make("dd"));
    return pair;
  }));
  detail.facts.forEach(([, value], i) => put(find("dd", box.children[i]), value));
}

/**
 * What looks wrong, and notices.
 * @param {HTMLElement} element
 * @param {Detail} detail
 */
export function drawSigns(element, detail) {
  rebuild(find(".j-symptoms", element), JSON.stringify(detail.symptoms), () => detail.symptoms.map(({ step, seen, remedy }) => {
    const item = make("li"), words = make("p", "", `${seen[0].toUpperCase()}${seen.slice(1)} `);
    words.append(make("b", "", remedy));
    item.append(make("span", "", stepWords(step)), words);
    return item;
  }));
  rebuild(find(".b-notices", element), detail.notices.join("|"), () => detail.notices.map((text) => make("li", "", text)));
}

/**
 * Log, files and settings.
 * @param {HTMLElement} element
 * @param {Detail} detail
 */
export function drawLists(element, detail) {
  const log = find(".j-log", element);
  const text = [...(detail.text_log ? ["The end of log.txt:", detail.text_log, ""] : []), ...detail.log].join("\n");
  if (log.textContent !== text) {
    const below = log.scrollHeight - log.scrollTop - log.clientHeight < AT_END_PX;
    log.textContent = text;
    if (below) log.scrollTop = log.scrollHeight;
  }
  rebuild(find(".j-files tbody", element), JSON.stringify([detail.run, detail.files]), () => detail.files.map((one) => {
    const row = make("tr"), name = make("td");
    const link = () => Object.assign(make("a", "", one.text), { href: file(detail.run, one.open), target: "_blank" });
    name.append(one.open ? link() : one.text);
    row.append(name, make("td", "j-where", one.where), make("td", "j-size", one.size));
    return row;
  }));
  rebuild(find(".j-settings tbody", element), JSON.stringify(detail.settings), () => detail.settings.map(([name, value]) => {
    const row = make("tr");
    row.append(make("th", "", name), make("td", "", value));
    return row;
  }));
}

/** @param {Reading} reading */
function figure([value, interval]) {
  const cell = make("td", "", value);
  cell.append(make("small", "", interval));
  return cell;
}

/**
 * @param {ResponseRow} row
 * @param {boolean} slides
 */
function responseRow(row, slides) {
  const line = make("tr"), name = make("th", "", row.model);
  name.scope = "row";
  tone(name, row.tone);
  name.append(make("small", "", row.when));
  line.append(name, ...row.cells.map(figure));
  if (slides) line.append(figure(row.slope), make("td", "", row.spearman), make("td", "", row.even));
  return line;
}

/**
 * A slider's table: a model a row, its mean reading at every strength, slope and rank correlation. Other kinds of job name
 * their own columns and have nothing behind them.
 * @param {HTMLElement} element
 * @param {Detail} detail
 */
export function drawResponse(element, detail) {
  const { response } = detail, box = find(".j-response", element);
  box.hidden = !response && !detail.response_wait;
  find(".j-figures", element).hidden = Boolean(detail.response_wait);
  put(find("h4", box), detail.response_title);
  put(find(".j-caution", box), response ? response.about : detail.response_wait);
  rebuild(find("table", box), JSON.stringify([detail.run, response]), () => {
    if (!response) return [];
    const head = make("tr"), above = make("tr"), slides = Boolean(response.strengths);
    const columns = response.columns ?? response.strengths ?? [];
    const over = make("th", "", response.over ?? "mean reading at strength");
    over.colSpan = columns.length;
    above.append(make("td"), over);
    const names = [...columns, ...(slides ? OF_SLIDERS : [])];
    head.append(make("th", "", "model"), ...names.map((name) => Object.assign(make("th", "", name), { scope: "col" })));
    return [above, head, ...response.rows.map((row) => responseRow(row, slides))];
  });
}

/**
 * The adapter as it was at each measurement: figures, and a button that makes it the one that is worn.
 * @param {HTMLElement} element
 * @param {Detail} detail
 */
export function drawPicks(element, detail) {
  const { picks } = detail, box = find(".j-picks", element);
  box.hidden = !picks;
  if (!picks) return;
  put(find(".j-caution", box), picks.about);
  rebuild(find("table", box), JSON.stringify([detail.run, picks]), () => {
    const head = make("tr"), names = ["step", ...picks.columns, ""];
    head.append(...names.map((name) => Object.assign(make("th", "", name), { scope: "col" })));
    return [head, ...picks.rows.map((row) => {
      const line = make("tr"), name = Object.assign(make("th", "", row.step.toLocaleString("en")), { scope: "row" });
      const last = make("td"), use = button("tool", "Use this one", { action: "pick", step: String(row.step) });
      if (row.worn) last.append("listed now");
      else if (picks.may) last.append(use);
      line.append(name, ...row.cells.map(figure), last);
      return line;
    })];
  });
}
