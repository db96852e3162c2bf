// The switch of the jobs panel for notifications of the system. The browser is asked when it is pressed, never before.
import { attr, put } from "../kit/dom.js";
import { NOTIFY } from "../kit/notices.js";
import { keep, kept } from "../kit/storage.js";

const REFUSED = "This browser does not allow notifications of this page; its settings for sites change that.";

/**
 * What the switch says. No page needed.
 * @param {string} permission of the browser; "" where it has no notifications
 * @param {boolean} wished
 */
export function standing(permission, wished) {
  const on = permission === "granted" && wished;
  return { hidden: !permission, on, words: on ? "Notifications on" : "Notify me when a run ends" };
}

const permission = () => ("Notification" in globalThis && globalThis.isSecureContext ? Notification.permission : "");

/**
 * @param {HTMLElement} pressed the switch
 * @param {HTMLElement} said where a refusal is said
 */
export function mountNotify(pressed, said) {
  const draw = () => {
    const { hidden, on, words } = standing(permission(), kept(NOTIFY) !== "");
    pressed.hidden = hidden;
    put(pressed, words);
    attr(pressed, "aria-pressed", on);
    pressed.title = on ? "Only while this page is in the background; press to switch off"
      : "A notification of the system while this page is in the background";
  };
  pressed.addEventListener("click", async () => {
    put(said, "");
    if (standing(permission(), kept(NOTIFY) !== "").on) keep(NOTIFY, "");
    else if (await Notification.requestPermission() === "granted") keep(NOTIFY, "on");
    else put(said, REFUSED);
    draw();
  });
  draw();
}
