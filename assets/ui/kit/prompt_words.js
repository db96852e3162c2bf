// The words the model knows, as buttons. Triggers "pick" with {factor, value}.
import { all, at, attr, button, make, rebuild } from "./dom.js";
import { Part } from "./part.js";

/** @typedef {{ factor: string, title: string, words: [value: string, word: string][] }} Group */
/** @typedef {{ groups: Group[], stated: Record<string, string> }} Vocabulary what the prompt states, by factor */

/** @param {Group} group */
function line(group) {
  const box = make("div", "words-line");
  box.append(make("b", "", group.title));
  for (const [value, word] of group.words) box.append(button("", word, { factor: group.factor, value }));
  return box;
}

/** @param {import("./part.js").Host<Vocabulary>} host */
export function mount(host) {
  const part = new Part(host), box = part.$(".words");
  part.on("click", (event) => {
    const word = at(event, "button");
    if (word) part.trigger("pick", { factor: word.dataset.factor, value: word.dataset.value });
  });
  part.follow(() => {
    const value = part.value;
    if (!value) return;
    rebuild(box, JSON.stringify(value.groups), () => value.groups.map(line));
    for (const word of all("button", box))
      attr(word, "aria-pressed", value.stated[word.dataset.factor ?? ""] === word.dataset.value);
  });
}
