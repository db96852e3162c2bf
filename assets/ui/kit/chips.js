// Example prompts as chips. Triggers "pick" with {text}.
import { at, button, rebuild } from "./dom.js";
import { Part } from "./part.js";

/** @param {import("./part.js").Host<string[]>} host */
export function mount(host) {
  const part = new Part(host), box = part.$(".chips");
  part.on("click", (event) => {
    const chip = at(event, "button");
    if (chip) part.trigger("pick", { text: chip.dataset.text });
  });
  part.follow(() => {
    const texts = part.value ?? [];
    rebuild(box, JSON.stringify(texts), () => texts.map((text) => button("", text, { text })));
  });
}
