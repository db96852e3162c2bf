// The worst samples of a candidate, each beside the same prompt and seed of another, with every question's answer.
import { file, make } from "../kit/dom.js";
import { percent } from "../kit/numbers.js";

/** @typedef {{ question: string, yes: boolean, reason: string }} Answered */
/** @typedef {{ file: string, score: number | null, answers: Answered[] }} Side */
/** @typedef {{ prompt: string, seed: number, own: Side, beside: Side | null }} Sample */
/** @typedef {{ samples: Sample[], total: number, of: number }} Wall */

/** @param {Answered} one */
function answer({ question, yes, reason }) {
  const line = make("li", yes ? "ev-yes" : "ev-no"), mark = make("i", "", yes ? "✓" : "✗");
  const words = make("span", "", question);
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", yes ? "yes" : "no");
  if (!yes && reason) words.append(" ", make("em", "", reason));
  else if (reason) line.title = reason;
  line.append(mark, words);
  return line;
}

/**
 * @param {string} run
 * @param {Side} side
 * @param {string} title
 * @param {string} tone
 * @param {string} about
 */
function sideNode(run, side, title, tone, about) {
  const box = make("div", "ev-side"), head = make("p", "ev-name"), list = make("ul");
  const picture = Object.assign(new Image(), { src: file(run, side.file), alt: `${title}: ${about}`, loading: "lazy" });
  box.style.setProperty("--tone", `var(--arm-${tone})`);
  head.append(make("i"), make("span", "", title), make("b", "", percent(side.score)));
  list.append(...side.answers.map(answer));
  box.append(head, picture, list);
  return box;
}

/**
 * @param {string} run
 * @param {Wall} wall
 * @param {{ titles: string[], tones: string[], own: number, beside: number }} who
 */
export const wallNodes = (run, { samples }, { titles, tones, own, beside }) => samples.map((one) => {
  const box = make("article", "ev-sample"), head = make("header"), sides = make("div", "ev-sides");
  const about = `${one.prompt}, seed ${one.seed}`;
  head.append(make("b", "", one.prompt), make("small", "", `seed ${one.seed}`));
  sides.append(sideNode(run, one.own, titles[own], tones[own], about));
  if (one.beside) sides.append(sideNode(run, one.beside, titles[beside], tones[beside], about));
  box.append(head, sides);
  return box;
});
