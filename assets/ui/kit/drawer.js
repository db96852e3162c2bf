// A drawer from the right, over the page: Escape, its own button and a press beside it close it, and focus comes back.
import { at, find } from "./dom.js";

export class Drawer {
  /**
   * @param {Element} dialog with a button `.drawer-close`
   * @param {string} opener selector of what opens it and has the focus afterwards; "" is what had it before
   * @param {() => void} [closed] called after it was closed, by whatever
   */
  constructor(dialog, opener, closed) {
    if (!(dialog instanceof HTMLDialogElement)) throw new Error("A drawer is a dialog.");
    this.dialog = dialog;
    dialog.addEventListener("pointerdown", (event) => {
      if (event.target === dialog && this.isBeside(event)) this.close();
    });
    dialog.addEventListener("click", (event) => at(event, ".drawer-close") && this.close());
    dialog.addEventListener("close", () => {
      if (opener) find(opener, document).focus({ preventScroll: true });
      closed?.();
    });
  }

  get isOpen() {
    return this.dialog.open;
  }

  open() {
    if (!this.isOpen) this.dialog.showModal();
  }

  close() {
    this.dialog.close();
  }

  /** @param {PointerEvent} event */
  isBeside({ clientX, clientY }) {
    const box = this.dialog.getBoundingClientRect();
    return clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom;
  }
}
