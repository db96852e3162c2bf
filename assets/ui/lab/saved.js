// Saved studies, the newest first. value = {studies}. Triggers "open" and "extend" with {run}.
import { at, attr, button, find, make, put } from "../kit/dom.js";
import { Part } from "../kit/part.js";

/** @typedef {{ run: string, title: string, about: string, state: string, chosen: boolean }} Study */
/** @typedef {{ studies: Study[] }} Value */

/** @param {Study} study */
function row(study) {
  const box = make("div", "lab-row"), open = button("lab-pick", undefined, { open: study.run });
  const extend = button("tool lab-extend", "Extend", { extend: study.run });
  extend.title = "Fill the form with this study, to ask for more seeds or values";
  attr(extend, "aria-label", `Extend ${study.title}`);
  open.append(make("b"), make("small"));
  box.append(open, make("span", "j-chip"), extend);
  return box;
}

/** @param {import("../kit/part.js").Host<Value>} host */
export function mount(host) {
  const part = new Part(host), list = part.$(".lab-list");
  part.on("click", (event) => {
    const { open, extend } = at(event, "button")?.dataset ?? {};
    if (open) part.trigger("open", { run: open });
    if (extend) part.trigger("extend", { run: extend });
  });
  part.follow(() => {
    const studies = part.value?.studies ?? [], ids = studies.map((study) => study.run).join();
    part.$(".lab-none").hidden = studies.length > 0;
    put(part.$(".lab-count"), studies.length ? `${studies.length}` : "");
    if (list.dataset.ids !== ids) {
      list.dataset.ids = ids;
      list.replaceChildren(...studies.map(row));
    }
    studies.forEach((study, i) => {
      const box = list.children[i], chip = find(".j-chip", box);
      box.classList.toggle("on", study.chosen);
      attr(find(".lab-pick", box), "aria-current", study.chosen);
      put(find("b", box), study.title);
      put(find("small", box), study.about);
      put(chip, study.state);
      chip.dataset.state = study.state;
    });
  });
}
