// Example prompts as chips. Triggers "pick" with {text}.
import { at } from "./dom.js";
import { Part } from "./part.js";

/** @param {import("./part.js").Host<null>} host */
export function mount(host) {
  const part = new Part(host);
  part.on("click", (event) => {
    const chip = at(event, "button");
    if (chip) part.trigger("pick", { text: chip.dataset.text });
  });
}
