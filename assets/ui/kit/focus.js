// The focus is not lost with the tab in which it was: it goes on to the name of the tab that has come.

/** @type {Element | null} */
let last = null; // what had it

/** @param {Element} node */
const isHidden = (node) => !node.getClientRects().length;

/** From now on it is known what had the focus. */
export function followFocus() {
  document.addEventListener("focusin", ({ target }) => {
    last = target instanceof Element ? target : null;
  });
}

/** A tab was chosen, by whatever: once it is shown, the focus is somewhere that can be seen. */
export function tabChosen() {
  if (!last) return;
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const active = document.activeElement, has = active && active !== document.body && !isHidden(active);
    if (has || !last?.isConnected || !isHidden(last)) return;
    const tab = document.querySelector("button[role=tab][aria-selected=true]");
    if (tab instanceof HTMLElement) tab.focus();
  }));
}
