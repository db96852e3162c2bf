// Labels that hold a term of the glossary (studio/ui/kit/glossary.py) explain it on hover, focus and tap. The first label of a
// card alone is marked, and one explanation is open at a time.
import { all, at, make, put } from "./dom.js";
import { clamp } from "./numbers.js";

/** @typedef {{ name: string, text: string, forms: string[] }} Term forms: words that mean it, in small letters */

const LABELS = "[data-testid=block-info], .label-wrap > span:first-child, .figures thead th:not(:has(button)), .l-th, " +
  ".w-name b, .w-figure > span, .j-panel h4, .j-facts dt, .sc-head h3, .worn-title";
const CARDS = ".card, .wall, .lab-table, .l-box, .j-panel, .board, .fields";
const HOVER_MS = 220, SCAN_MS = 400, EDGE_PX = 12;

/**
 * The term that a label is about: the longest that stands in it as a word of its own. No page needed.
 * @param {string} label
 * @param {readonly Term[]} terms
 * @returns {Term | null}
 */
export function termIn(label, terms) {
  const text = ` ${label.toLowerCase().replace(/[^\p{L}\p{M}\p{N}±=%₀-]+/gu, " ")} `;
  /** @type {{ term: Term, length: number } | null} */
  let best = null;
  for (const term of terms)
    for (const form of term.forms)
      if (text.includes(` ${form} `) && form.length > (best?.length ?? 0)) best = { term, length: form.length };
  return best?.term ?? null;
}

class Glossary {
  /** @type {HTMLElement | null} */
  open = null; // the label that is explained
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  waiting = undefined;

  /** @param {Term[]} terms */
  constructor(terms) {
    this.terms = terms;
    this.box = Object.assign(make("div", "term-said"), { id: "glossary", popover: "manual" });
    this.box.setAttribute("role", "tooltip");
    this.box.append(make("b"), make("span"));
    document.body.append(this.box);
    document.addEventListener("pointerover", (event) => this.over(event));
    document.addEventListener("focusin", (event) => {
      const label = at(event, "[data-term]");
      if (label?.matches(":focus-visible")) this.show(label);
    });
    document.addEventListener("focusout", (event) => event.target === this.open && this.hide());
    document.addEventListener("click", (event) => {
      const label = at(event, "[data-term]");
      if (label?.closest("label")) event.preventDefault(); // its field would take the focus and scroll the explanation away
      if (label && label !== this.open) this.show(label);
      else if (!label) this.hide();
    });
    document.addEventListener("scroll", () => this.open && this.hide(), { capture: true, passive: true });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.open) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      this.hide();
    }, true);
    let due = false;
    const scan = () => {
      due = false;
      this.mark();
    };
    new MutationObserver(() => {
      if (!due) setTimeout(scan, SCAN_MS);
      due = true;
    }).observe(document.body, { childList: true, subtree: true });
    this.mark();
  }

  /** Marks the first label of every term in every card. */
  mark() {
    /** @type {Map<Element | null, Set<string>>} */
    const seen = new Map();
    for (const label of all(LABELS, document)) {
      const card = label.closest(CARDS), here = seen.get(card) ?? new Set();
      const term = termIn(label.textContent ?? "", this.terms);
      seen.set(card, here);
      if (term && !here.has(term.name)) {
        here.add(term.name);
        if (label.dataset.term === term.name) continue;
        label.dataset.term = term.name;
        if (!label.closest("button, summary")) label.tabIndex = 0;
      } else if (label.dataset.term) {
        delete label.dataset.term;
        if (!label.matches("button")) label.removeAttribute("tabindex");
      }
    }
  }

  /** @param {PointerEvent} event */
  over(event) {
    const label = at(event, "[data-term]");
    clearTimeout(this.waiting);
    if (event.pointerType !== "mouse" || label === this.open) return;
    if (label) this.waiting = setTimeout(() => label.isConnected && this.show(label), HOVER_MS);
    else if (!this.open?.matches(":focus-visible")) this.hide();
  }

  /** @param {HTMLElement} label */
  show(label) {
    const term = this.terms.find((one) => one.name === label.dataset.term);
    if (!term) return;
    this.hide();
    this.open = label;
    put(this.box.children[0], term.name);
    put(this.box.children[1], term.text);
    label.setAttribute("aria-describedby", this.box.id);
    this.box.showPopover();
    const from = label.getBoundingClientRect(), { width, height } = this.box.getBoundingClientRect();
    const below = from.bottom + 6 + height < innerHeight;
    this.box.style.left = `${clamp(from.left, EDGE_PX, Math.max(EDGE_PX, innerWidth - width - EDGE_PX))}px`;
    this.box.style.top = `${below ? from.bottom + 6 : from.top - height - 6}px`;
  }

  hide() {
    clearTimeout(this.waiting);
    this.open?.removeAttribute("aria-describedby");
    this.open = null;
    if (this.box.matches(":popover-open")) this.box.hidePopover();
  }
}

/** Fetches the terms once the page has nothing better to do. */
export async function explain() {
  try {
    new Glossary(await (await fetch("ui/glossary.json")).json());
  } catch { /* a page that explains nothing works all the same */ }
}
