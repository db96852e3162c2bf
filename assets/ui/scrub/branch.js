// The form that branches off: which model goes on, and which adapters are on.
import { all, attr, find, make } from "../kit/dom.js";
import { wornText } from "./worn.js";

/** @typedef {import("./state.js").Scrub} Scrub */
/** @typedef {[id: string, title: string]} Adapter */

/** @param {Scrub} s */
export function fillBranch(s) {
  const select = s.$(".sc-branch select", HTMLSelectElement);
  const models = Object.entries(s.view.models ?? {}).filter(([, model]) => model.goes);
  const ids = models.map(([id]) => id).join();
  if (select.dataset.key !== ids) {
    select.dataset.key = ids;
    select.replaceChildren(new Option("as planned", ""), ...models.map(([id, model]) => new Option(model.title, id)));
  }
  const box = s.$(".sc-worn"), known = Object.entries(s.view.adapters ?? {}), key = JSON.stringify(known);
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  box.hidden = !known.length;
  for (const row of all(".sc-worn-row", box)) row.remove();
  if (known.length) box.append(wornRow(known, true));
}

/**
 * One row says "as they were", "none", or names an adapter with its strength; then another can follow.
 * @param {Adapter[]} known
 * @param {boolean} first
 */
function wornRow(known, first) {
  const row = make("span", "sc-worn-row"), select = make("select"), strength = make("input");
  const none = first ? [new Option("as they were", ""), new Option("none", "none")] : [new Option("and no other", "")];
  select.append(...none, ...known.map(([id, title]) => new Option(title, id)));
  attr(select, "aria-label", first ? "adapter" : "another adapter");
  Object.assign(strength, { inputMode: "decimal", value: "1", hidden: true });
  strength.title = "strength, in units of its calibration; negative is the other way";
  attr(strength, "aria-label", "strength");
  select.addEventListener("change", () => {
    const named = Boolean(select.value && select.value !== "none"), siblings = row.parentElement?.children.length ?? 0;
    strength.hidden = !named;
    if (!named) while (row.nextElementSibling) row.nextElementSibling.remove();
    else if (!row.nextElementSibling && siblings <= known.length) row.after(wornRow(known, false));
  });
  row.append(select, strength);
  return row;
}

/**
 * The request for a branch, all of it as text but for the step.
 * @param {Scrub} s
 */
export function branchRequest(s) {
  const rows = all(".sc-worn-row", s.element).map((row) => ({
    id: find("select", row, HTMLSelectElement).value, strength: find("input", row, HTMLInputElement).value,
  }));
  const typed = Object.fromEntries(new FormData(s.$(".sc-branch", HTMLFormElement)));
  const step = s.axis.index(s.row, s.tick);
  return { run: s.view.run, arm: s.chosen.arm, step, ...typed, adapters: wornText(rows) };
}
