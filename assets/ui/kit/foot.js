// The column of a form ends where the window ends, wherever it begins, and what gets the focus is not left behind its foot.
import { all } from "./dom.js";

const TOP_PX = 14, BELOW_PX = 8, LEAST_PX = 320; // where the column stops when the page is scrolled, and what stays free below it

/**
 * How tall a column may be that begins at `top`.
 * @param {number} top
 * @param {number} height of the window
 */
export const room = (top, height) => Math.max(LEAST_PX, Math.round(height - Math.max(top, TOP_PX) - BELOW_PX));

function fit() {
  for (const controls of all(".controls", document)) {
    if (!controls.offsetParent) continue;
    const foot = controls.querySelector(".actions"), under = foot instanceof HTMLElement ? foot.offsetHeight : 0;
    controls.style.setProperty("--room", `${room(controls.getBoundingClientRect().top, innerHeight)}px`);
    controls.style.setProperty("--foot", `${under}px`);
  }
}

/** From now on, whatever the page shows. */
export function fitControls() {
  let asked = 0;
  const soon = () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(fit);
  };
  for (const event of ["scroll", "resize"]) addEventListener(event, soon, { passive: true });
  document.addEventListener("focusin", fit);
  new ResizeObserver(soon).observe(document.body);
  new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
}
