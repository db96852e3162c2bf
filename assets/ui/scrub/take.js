// Files to take away, made by the server from the strips it has. Draws nothing in an exported file.
import { all, button, find, make, put } from "../kit/dom.js";
import { drawingOf, saveDrawing } from "../kit/drawing.js";
import { css } from "../kit/figure.js";
import { SaveBar } from "../kit/save.js";

/** @typedef {import("./state.js").Scrub} Scrub */
/** @typedef {{ what: string, kind?: string, arm?: string, seed?: number }} Wish */
/** @typedef {{ url?: string, name?: string, problem?: string }} Made */

/** @param {Scrub} s */
export function buildTake(s) {
  const card = s.$(".sc-exports");
  if (s.kept || card.childElementCount) return;
  /**
   * @param {string} words
   * @param {[text: string, wish: () => Wish][]} list
   */
  const group = (words, list) => {
    const box = make("span", "tk-group");
    box.append(make("b", "", words), ...list.map(([text, wish]) => {
      const one = button("", text);
      one.addEventListener("click", () => void take(s, one, wish()));
      return one;
    }));
    return box;
  };
  /**
   * @param {() => { arm?: string, seed?: number }} of
   * @returns {[text: string, wish: () => Wish][]}
   */
  const moving = (of) => (s.view.formats ?? []).map((kind) => [
    kind === "webp" ? "WebP" : kind.toUpperCase(), () => ({ ...of(), what: "moving", kind }),
  ]);
  const line = make("div", "tk-line"), head = make("header", "sc-head");
  line.append(
    group("the chosen picture", moving(() => s.chosen)),
    group("the chosen seed, all rows", moving(() => ({ seed: s.chosen.seed }))),
    group("the whole wall", moving(() => ({}))),
    group("contact sheet", [["PNG", () => ({ what: "sheet", seed: s.chosen.seed })]]),
    plots(s),
    group("a page that scrubs offline", [["HTML", () => ({ what: "page" })]]),
    files(s),
  );
  head.append(make("h3", "", "Take it with you"));
  card.append(head, line, make("p", "sc-problem tk-problem"));
}

/**
 * The schedule and the curves under it.
 * @param {Scrub} s
 */
function drawing(s) {
  const { element } = s, schedule = find(".sc-schedule", element, SVGSVGElement);
  const curves = all("figure.cv", element).map((box) => ({ svg: find("svg", box, SVGSVGElement),
    title: find("b", box).textContent ?? "", note: box.querySelector("figcaption small")?.textContent ?? "" }));
  const keys = s.rows.map(({ title, tone }) => ({ text: title, colour: css(element, `--said-${tone}`) }));
  return drawingOf(`“${s.view.prompt}”`, [{ title: "Schedule", note: "", svg: schedule, wide: true }, ...curves], keys, element);
}

/** @param {Scrub} s */
function plots(s) {
  const box = make("span", "tk-group");
  box.append(make("b", "", "schedule and curves"), ...["svg", "png"].map((kind) => {
    const one = button("", kind.toUpperCase(), { plot: kind });
    one.addEventListener("click", () => {
      const drawn = drawing(s);
      put(s.$(".tk-problem"), drawn ? "" : "There is no plot yet.");
      if (drawn) void saveDrawing(drawn, kind, `scrub-${s.view.run}-plot`);
    });
    return one;
  }));
  return box;
}

/** @param {Scrub} s */
function files(s) {
  const box = make("span", "tk-group");
  const bar = new SaveBar(box, s.host.server.save_as, () => ({ name: s.view.run ? `scrub-${s.view.run}` : "",
    wish: { run: s.view.run }, picture: () => Promise.resolve(null) }), ["json", "yaml"]);
  bar.draw();
  return box;
}

/**
 * @param {Scrub} s
 * @param {HTMLButtonElement} pressed
 * @param {Wish} wish
 */
async function take(s, pressed, wish) {
  const words = pressed.textContent, problem = s.$(".tk-problem");
  pressed.disabled = true;
  pressed.textContent = "making";
  put(problem, "");
  try {
    const made = /** @type {Made} */ (await s.host.server.take_away({ ...wish, run: s.view.run, sync: s.sync }));
    if (made.problem) put(problem, made.problem);
    else Object.assign(make("a"), { href: made.url, download: made.name }).click();
  } catch {
    put(problem, "The server did not answer; is the studio still running?");
  }
  pressed.disabled = false;
  pressed.textContent = words;
}
