// The card of an open model: what it is, and what can be done with it. Passwords are made anew each time and kept nowhere.
import { button, make } from "../kit/dom.js";

/** @typedef {import("./types.js").Model} Model */
/**
 * What is being asked in a card. busy: the server has not answered yet.
 * @typedef {{ kind: "" | "download" | "remove", busy: boolean, look?: import("./types.js").Look,
 *   removal?: import("./types.js").Removal }} Asking
 */

/**
 * @param {string} href
 * @param {string} words
 */
const link = (href, words) => Object.assign(make("a", "", words), { href, target: "_blank", rel: "noreferrer" });

/**
 * @param {string} text
 * @param {"hint" | "notice" | "problem"} kind
 */
const line = (text, kind) => make("p", `line ${kind}`, text);

/** @param {string} words */
function token(words) {
  const label = make("label", "p-field m-token"), field = make("input", "m-secret");
  Object.assign(field, { type: "password", autocomplete: "new-password", spellcheck: false });
  field.setAttribute("aria-label", "Token");
  label.append(make("span", "", words), field);
  return label;
}

/**
 * @param {Model} model
 * @param {boolean} loading
 * @param {Asking} asking
 * @returns {Node[]}
 */
export function cardOf(model, loading, asking) {
  const facts = make("dl", "m-facts");
  for (const [name, words] of model.facts) {
    const told = make("dd");
    told.append(name === "Source" && model.page ? link(model.page, words) : words);
    facts.append(make("dt", "", name), told);
  }
  const parts = /** @type {Node[]} */ ([]);
  if (model.summary) parts.push(make("p", "m-summary", model.summary));
  if (model.lacks && model.group === "hub" && !loading) parts.push(make("p", "m-summary m-missing", model.lacks));
  parts.push(facts);
  if (asking.kind === "download") parts.push(...downloading(model, asking));
  else if (asking.kind === "remove") parts.push(...removing(model, asking));
  else parts.push(actions(model, loading));
  return parts;
}

/**
 * @param {Model} model
 * @param {boolean} loading
 */
function actions(model, loading) {
  const box = make("div", "m-actions");
  if (model.download && !loading) box.append(button("tool p-try", "Download", { do: "look", of: model.id }));
  if (model.pair) box.append(button("tool p-try", `Compare it with ${model.with}`, { compare: model.pair }));
  if (model.remove)
    box.append(button("tool", model.remove === "files" ? "Delete its files" : "Remove", { do: "removal", of: model.id }));
  return box;
}

/**
 * @param {Model} model
 * @param {Asking} asking
 * @returns {Node[]}
 */
function downloading(model, { busy, look = {} }) {
  if (busy) return [line("Asking the Hub what a download takes.", "hint")];
  const box = make("div", "m-ask"), buttons = make("div", "m-actions");
  const no = button("tool", "Not now", { do: "close", of: model.id });
  if (look.problem) box.append(line(look.problem, "problem"));
  if (look.text) box.append(make("p", "m-takes", look.text));
  if (look.licence) box.append(line(`Licence: ${look.licence}.`, "hint"));
  if (look.gated) {
    const said = line(`${look.gated} `, "notice");
    if (look.page) said.append(link(look.page, look.page));
    box.append(said);
  }
  const gated = Boolean(look.gated) || /gated|private|token/i.test(look.problem ?? "");
  if (gated) box.append(token("Token, used for this download alone"));
  if (look.problem) buttons.append(button("tool p-try", "Look again", { do: "look", of: model.id }), no);
  else buttons.append(button("tool p-try", "Begin the download", { do: "download", of: model.id }), no);
  box.append(buttons);
  return [box];
}

/**
 * @param {Model} model
 * @param {Asking} asking
 * @returns {Node[]}
 */
function removing(model, { busy, removal = {} }) {
  if (busy) return [line("Looking at its files.", "hint")];
  const box = make("div", "m-ask"), buttons = make("div", "m-actions");
  const no = button("tool", "Keep it", { do: "close", of: model.id });
  if (removal.problem) {
    box.append(line(removal.problem, "problem"), no);
    return [box];
  }
  const shipped = model.remove === "files", many = `${removal.files} file${removal.files === 1 ? "" : "s"}, ${removal.text}`;
  box.append(make("p", "m-takes", shipped
    ? `Delete what was downloaded for ${model.title} (${many})? It stays listed.`
    : `Take ${model.title} off the list?`));
  if (!shipped && model.page) {
    const tick = make("label", "m-also"), also = Object.assign(make("input", "m-files"), { type: "checkbox" });
    tick.append(also, removal.files ? `also its files (${many})` : "also what an unfinished download left");
    box.append(tick);
  }
  buttons.append(button("tool m-gone", shipped ? "Delete" : "Remove", { do: "remove", of: model.id }), no);
  box.append(buttons);
  return [box];
}
