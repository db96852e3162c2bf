// What the page says when a run has ended that nobody was looking at: a line that goes away by itself, the title of the document
// while the page is in the background, and a notification of the system where the person has allowed that (jobs/notify.js).
// What the server refused is a line too (kit/refused.js).
import { attr, button, make, put, worded } from "./dom.js";
import { plural } from "./numbers.js";
import { tell } from "./part.js";
import { kept } from "./storage.js";
import { titledNews } from "./title.js";

/** @typedef {import("./ended.js").Ended} Ended */

const STAYS_MS = 15000; // while the page is seen and nobody points at it
export const SHOWN = 3; // lines; the older ones are counted
const REFUSED = "refused"; // begins what stands in the place of a run's id
export const NOTIFY = "notify"; // what the browser keeps: whether notifications of the system are wished for

/**
 * What a list of ended runs shows: the newest, and how many more there are.
 * @param {Ended[]} ended the oldest first
 */
export function gathered(ended) {
  const more = Math.max(0, ended.length - SHOWN);
  return { lines: ended.slice(more).reverse(), more: more ? `${plural(more, "more run")} ended before.` : "" };
}

/**
 * What the title of the document says of them.
 * @param {Ended[]} ended
 */
export function inTitle(ended) {
  if (ended.length > 1) return `${ended.length} runs ended`;
  return ended.length ? `${ended[0].bad ? "✕" : "✓"} ${ended[0].text.split(":")[0]}` : "";
}

class Notices {
  /** @type {Ended[]} */
  ended = [];
  /** @type {Map<string, HTMLElement>} */
  lines = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  leaving = undefined;

  constructor() {
    this.box = make("section", "notices");
    this.list = make("div", "notice-list");
    this.more = make("p", "notice-more");
    attr(this.box, "aria-label", "Notices");
    attr(this.list, "role", "status"); // announced when there is time
    attr(this.list, "aria-atomic", "false");
    this.more.hidden = true;
    this.box.append(this.list, this.more);
    document.body.append(this.box);
    document.addEventListener("studio:ended", (event) => event instanceof CustomEvent && this.add(event.detail));
    document.addEventListener("studio:refused", (event) => event instanceof CustomEvent && this.refused(event.detail.sentence));
    document.addEventListener("visibilitychange", () => this.seen());
    for (const name of ["pointerenter", "focusin"]) this.box.addEventListener(name, () => clearTimeout(this.leaving));
    for (const name of ["pointerleave", "focusout"]) this.box.addEventListener(name, () => this.wait());
  }

  /** @param {Ended} run */
  put(run) {
    this.ended = [...this.ended.filter((one) => one.run !== run.run), run];
    const over = document.querySelector("dialog[open]") ?? document.body; // what a dialog covers cannot be pressed
    if (this.box.parentElement !== over) over.append(this.box);
    this.draw();
  }

  /** @param {string} sentence */
  refused(sentence) {
    this.put({ run: `${REFUSED} ${sentence}`, tab: "", title: "", text: sentence, bad: true });
    this.wait();
  }

  /** @param {Ended} run */
  add(run) {
    this.put(run);
    if (document.visibilityState === "hidden") {
      titledNews(inTitle(this.ended.filter((one) => !one.run.startsWith(REFUSED))));
      this.notify(run);
    }
    this.wait();
  }

  draw() {
    const { lines, more } = gathered(this.ended), shown = lines.map(({ run }) => run);
    for (const [run, line] of this.lines) {
      if (shown.includes(run)) continue;
      line.remove();
      this.lines.delete(run);
    }
    for (const run of [...lines].reverse()) {
      if (this.lines.has(run.run)) continue;
      const line = this.line(run);
      this.lines.set(run.run, line);
      this.list.prepend(line);
    }
    put(this.more, more);
    this.more.hidden = !more;
  }

  /** @param {Ended} run */
  line(run) {
    const line = make("div", "ended"), words = make("p"), open = button("tool notice-open", "Open");
    const close = button("tool tool-icon notice-close", "×");
    line.dataset.run = run.run;
    line.dataset.bad = run.bad ? "1" : "";
    if (run.run.startsWith(REFUSED)) {
      line.dataset.refused = "1";
      words.append(worded(run.text));
      attr(close, "aria-label", "Dismiss this notice");
      close.addEventListener("click", () => this.gone(run.run));
      line.append(words, close);
      return line;
    }
    words.append(make("b", "", run.title), " ", make("span", "", run.text));
    words.title = `${run.title} · ${run.text}`;
    attr(open, "aria-label", `Open ${run.title}`);
    attr(close, "aria-label", `Dismiss the notice of ${run.title}`);
    open.addEventListener("click", () => this.open(run));
    close.addEventListener("click", () => this.gone(run.run));
    line.append(words, open, close);
    return line;
  }

  /** @param {Ended} run */
  open(run) {
    for (const dialog of document.querySelectorAll("dialog[open]")) if (dialog instanceof HTMLDialogElement) dialog.close();
    tell("studio:open-run", { run: run.run, tab: run.tab });
    this.gone(run.run);
  }

  /** @param {string} run */
  gone(run) {
    this.ended = this.ended.filter((one) => one.run !== run);
    this.draw();
  }

  /** The page is seen again: its title is its own, and lines that came meanwhile stay a while longer. */
  seen() {
    if (document.visibilityState !== "visible") return clearTimeout(this.leaving);
    titledNews("");
    this.wait();
  }

  wait() {
    clearTimeout(this.leaving);
    if (document.visibilityState === "hidden" || !this.ended.length) return;
    this.leaving = setTimeout(() => {
      if (this.box.matches(":hover, :focus-within")) return this.wait();
      this.ended = [];
      this.draw();
    }, STAYS_MS);
  }

  /** @param {Ended} run */
  notify(run) {
    if (!("Notification" in globalThis) || Notification.permission !== "granted" || !kept(NOTIFY)) return;
    try {
      const shown = new Notification(run.title, { body: run.text, tag: run.run });
      shown.onclick = () => {
        globalThis.focus();
        shown.close();
        this.open(run);
      };
    } catch { /* some browsers of phones have the word and no notifications of a page */ }
  }
}

export const begin = () => void new Notices();
