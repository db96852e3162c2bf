// Short words for what every script does to the page.

/**
 * The first element that fits the selector. An error where there is none or where it is of another kind.
 * @template {Element} [T=HTMLElement]
 * @param {string} selector
 * @param {ParentNode} from
 * @param {new () => T} [kind] HTMLElement, unless it is said otherwise
 * @returns {T}
 */
export function find(selector, from, kind) {
  const node = from.querySelector(selector);
  if (!(node instanceof (kind ?? HTMLElement))) throw new Error(`The page has no ${selector}.`);
  return /** @type {T} */ (/** @type {Element} */ (node));
}

/**
 * All elements that fit the selector.
 * @param {string} selector
 * @param {ParentNode} from
 * @returns {HTMLElement[]}
 */
export const all = (selector, from) => [...from.querySelectorAll(selector)].filter((node) => node instanceof HTMLElement);

/**
 * A new element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [className]
 * @param {string | number} [text]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = String(text);
  return node;
}

/**
 * A new button that submits no form.
 * @param {string} className
 * @param {string | number} [text]
 * @param {Record<string, string | number>} [data] its data attributes
 */
export function button(className, text, data = {}) {
  const node = make("button", className, text);
  node.type = "button";
  for (const [name, value] of Object.entries(data)) node.dataset[name] = String(value);
  return node;
}

/**
 * Sets a text where it is another one, so that a selection in it stays.
 * @param {Element} node
 * @param {string} text
 */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * A sentence, in which what stands between backticks is code.
 * @param {string} sentence
 */
export function worded(sentence) {
  const line = make("span"), parts = sentence.split("`"), whole = parts.length % 2 === 1;
  if (!whole) line.append(sentence);
  else line.append(...parts.map((part, i) => (i % 2 ? make("code", "", part) : part)));
  return line;
}

/**
 * Sets an attribute; aria-pressed="false" is not the same as none.
 * @param {Element} node
 * @param {string} name
 * @param {string | number | boolean} value
 */
export const attr = (node, name, value) => node.setAttribute(name, String(value));

/**
 * The colour of whatever stands inside.
 * @param {HTMLElement} node
 * @param {string} variable name of a CSS variable, as --arm-teacher
 */
export const tone = (node, variable) => node.style.setProperty("--tone", `var(${variable})`);

/**
 * The element at or around an event's target that fits the selector.
 * @param {Event} event
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export function at(event, selector) {
  const found = event.target instanceof Element ? event.target.closest(selector) : null;
  return found instanceof HTMLElement ? found : null;
}

/**
 * Whether a key belongs to a field that takes text.
 * @param {Event} event
 * @param {string} fields
 */
export const typing = (event, fields = "input, textarea, select, [contenteditable]") => at(event, fields) !== null;

/**
 * Address of a file of a run.
 * @param {string} run
 * @param {string} path below the run directory
 */
export const file = (run, path) => `run-file/${run}/${path}`;

/**
 * Replaces what a box holds where its key is another one; true if it did.
 * @param {HTMLElement} box
 * @param {string} key
 * @param {() => (Node | string)[]} build
 */
export function rebuild(box, key, build) {
  if (box.dataset.key === key) return false;
  box.dataset.key = key;
  box.replaceChildren(...build());
  return true;
}
