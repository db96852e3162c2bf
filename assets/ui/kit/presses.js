// A press counts for the button on which it began, also where the page moves that away under a still pointer: a form's foot grows
// or shrinks as soon as the field before it loses the focus, which is between the two halves of a click.
import { at } from "./dom.js";

const STILL_PX = 4; // a hand that went farther has thought better of it

/**
 * Whether a pointer was let go where it was pressed.
 * @param {{clientX: number, clientY: number}} down
 * @param {{clientX: number, clientY: number}} up
 */
export const still = (down, up) => Math.hypot(up.clientX - down.clientX, up.clientY - down.clientY) <= STILL_PX;

/** From now on, for every button of the page. */
export function holdPresses() {
  /** @type {{button: Element, clientX: number, clientY: number} | null} */
  let begun = null;
  document.addEventListener("pointerdown", (event) => {
    const button = event.isPrimary && event.button === 0 ? at(event, "button") : null;
    begun = button && { button, clientX: event.clientX, clientY: event.clientY };
  }, true);
  document.addEventListener("click", (event) => {
    const press = begun;
    if (!event.isTrusted || !press) return;
    begun = null;
    const { button } = press; // a click that lost its button goes to what both halves had in common
    if (!(button instanceof HTMLButtonElement) || !(event.target instanceof Node) || button.contains(event.target)) return;
    if (!button.isConnected || button.disabled || !still(press, event)) return;
    event.stopPropagation();
    button.click();
  }, true);
}
