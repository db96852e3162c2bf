// One model in the list: a line, its download if there is one, and its card when it is open. The board fills it.
import { attr, button, find, make, put, rebuild } from "../kit/dom.js";
import { asks, markOf, standing } from "./groups.js";

/** @typedef {import("./types.js").Model} Model */
/** @typedef {import("./types.js").Download} Download */

/** @type {Record<string, string>} */
const MARKS = { ready: "ready", lacking: "something is missing", away: "not downloaded" };
/** @type {Record<string, string>} */
const STATES = { queued: "waiting", loading: "beginning", running: "downloading", interrupted: "broken off" };
/** @type {Record<string, string>} */
const ASKED = { pause: "pausing", cancel: "ending", stop: "stopping" };

/** @param {Model} model */
export function rowOf(model) {
  const box = make("article", "m-model"), open = button("m-row", undefined, { open: model.id });
  box.dataset.model = model.id;
  const mark = make("i", "m-mark"), name = make("span", "m-name"), what = make("span", "m-what");
  mark.dataset.mark = markOf(model);
  mark.title = MARKS[markOf(model)];
  name.append(make("b", "", model.title), make("small", "", model.id));
  what.append(make("span", "", standing(model)), make("small", "", model.form));
  const size = make("span", "m-size", `${model.size} px`);
  open.append(mark, name, what, size, make("span", model.bytes.endsWith("unknown") ? "m-bytes m-unread" : "m-bytes", model.bytes),
    make("span", "m-licence", model.licence || (model.page ? "licence unknown" : "")));
  attr(open, "aria-expanded", false);
  box.append(open);
  if (model.group !== "hub" && model.lacks) box.append(make("p", "m-lacks", model.lacks));
  box.append(make("div", "m-load"), make("div", "m-card"));
  return box;
}

/**
 * How far its download is.
 * @param {Element} box
 * @param {string} id
 * @param {Download | undefined} load
 */
export function drawLoad(box, id, load) {
  const place = find(".m-load", box);
  place.hidden = !load;
  if (!load) return void rebuild(place, "", () => []);
  const key = [load.run, load.state, load.asked].join();
  rebuild(place, key, () => {
    const bar = make("span", "m-bar"), line = make("span", "m-line");
    bar.append(make("i"));
    line.append(make("b", "", ASKED[load.asked] ?? STATES[load.state] ?? load.state), make("span", "m-told"),
      ...asks(load).map(([action, words]) => button("tool", words, { act: action, of: id })));
    return [bar, line];
  });
  place.dataset.state = load.state;
  put(find(".m-told", place), load.text);
  find(".m-bar i", place).style.width = `${load.percent}%`;
}
