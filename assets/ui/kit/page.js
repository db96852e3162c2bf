// Page-wide behaviour: keys for run (or start) and cancel, a drop target for saved pictures, light and dark.
import { all, at } from "./dom.js";
import { followFocus } from "./focus.js";
import { fitControls } from "./foot.js";
import { bringAll } from "./later.js";
import { begin as beginNotices } from "./notices.js";
import { holdPresses } from "./presses.js";
import { hearRefusals } from "./refused.js";
import { asLeft } from "./simple.js";
import { kept } from "./storage.js";
import { keepTyped } from "./typed.js";

/**
 * Presses the visible button of a kind: every tab that draws has one of its own.
 * @param {string} kind
 */
function press(kind) {
  const node = all(`.${kind}`, document).find((one) => one.offsetParent);
  const found = node?.matches("button") ? node : node?.querySelector("button");
  if (found instanceof HTMLButtonElement && !found.disabled) found.click();
}

/** @param {KeyboardEvent} event */
function keydown(event) {
  const covered = document.querySelector(".drawer[open]");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !covered) {
    event.preventDefault();
    event.stopPropagation();
    // What is being typed reaches the form a moment after the key; a field that loses focus is up to date.
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    setTimeout(() => press("runs"), 60);
  }
  const list = event.key === "Tab" && at(event, "input[role=combobox]");
  if (list) { // Gradio's dropdown opens its list at any key, also at the one that leaves it
    event.stopPropagation();
    list.blur();
  }
  const choosing = at(event, "input[role=combobox][aria-expanded=true]"); // there it closes the list
  if (event.key === "Escape" && !covered && !choosing && !at(event, "#distill, #lab")) press("cancels");
}

/** A list of Gradio's that is open although its field has not the focus: whatever opened it after the field was left. */
function closeLeftLists() {
  for (const field of all("input[role=combobox][aria-expanded=true]", document)) {
    if (field !== document.activeElement) field.dispatchEvent(new FocusEvent("blur"));
  }
}

/**
 * A file dropped anywhere goes through the form's own upload field, hence through its checks and size limit; one that is dropped
 * where a part takes files itself (data-drops) is left to that.
 */
function acceptDrops() {
  let depth = 0;
  /** @param {DragEvent} event */
  const hasFile = (event) => Boolean(event.dataTransfer?.types.includes("Files"));
  /** @param {number} deep */
  const over = (deep) => document.body.classList.toggle("dropping", (depth = Math.max(0, deep)) > 0);
  document.addEventListener("dragenter", (event) => hasFile(event) && over(depth + 1));
  document.addEventListener("dragleave", (event) => hasFile(event) && over(depth - 1));
  document.addEventListener("dragover", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    document.body.classList.toggle("dropping", !at(event, "[data-drops]"));
  });
  document.addEventListener("drop", (event) => {
    if (!hasFile(event)) return;
    over(0);
    if (at(event, "[data-drops]")) return;
    event.preventDefault();
    event.stopPropagation();
    const input = document.querySelector(".controls input[type=file]"), dropped = event.dataTransfer?.files[0];
    if (!(input instanceof HTMLInputElement) || !dropped) return;
    const one = new DataTransfer();
    one.items.add(dropped);
    input.files = one.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, true);
}

/** Header and jobs panel stand on every tab; until their scripts are there, nobody hears what is pressed on them. */
const heard = () => ["#header", "#jobs"].every((part) => document.querySelector(`${part}[data-mounted], ${part} [data-mounted]`));

async function mounted() {
  while (!heard()) await new Promise(requestAnimationFrame);
}

/** @param {...string} later tabs that are still to come */
export async function start(...later) {
  document.addEventListener("keydown", keydown, true);
  document.addEventListener("click", (event) => { // an example: the form as it stands
    const kind = at(event, "[data-press]")?.dataset.press;
    if (kind) press(kind);
  });
  document.addEventListener("focusin", () => setTimeout(closeLeftLists, 300));
  acceptDrops();
  followFocus();
  fitControls();
  holdPresses();
  beginNotices();
  hearRefusals();
  asLeft();
  const theme = kept("theme");
  if (theme) document.body.classList.toggle("dark", theme === "dark");
  const ready = mounted();
  keepTyped(ready);
  await ready;
  document.documentElement.dataset.page = "ready";
  (await import("./glossary.js")).explain();
  await bringAll(later, location.search);
}
