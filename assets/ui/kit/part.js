// A component of the page: Gradio's `gr.HTML` with a template that holds no value, patched in place by a script.
import { find } from "./dom.js";

/**
 * What Gradio gives a component's script. props.value is the newest value; trigger calls a handler of the server.
 * @template Value
 * @typedef {object} Host
 * @property {HTMLElement} element
 * @property {{ value?: Value | null }} props
 * @property {(event: string, data?: object) => void} trigger
 * @property {(property: string, changed: () => void) => void} watch
 * @property {Record<string, (asked?: object) => Promise<unknown>>} server
 * @property {readonly string[]} events those that the server has handlers for
 */

/**
 * Tells other components of the page.
 * @param {string} name
 * @param {object} [detail]
 */
export const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

/** @template Value */
export class Part {
  /** @param {Host<Value>} host */
  constructor(host) {
    this.host = host;
    this.element = host.element;
    this.element.dataset.mounted = ""; // what is pressed from now on is heard
  }

  get value() {
    return this.host.props.value ?? null;
  }

  /**
   * The element of the component that fits the selector.
   * @template {Element} [T=HTMLElement]
   * @param {string} selector
   * @param {new () => T} [kind]
   * @returns {T}
   */
  $(selector, kind) {
    return find(selector, this.element, kind);
  }

  /**
   * Calls the server's handler of this name.
   * @param {string} event
   * @param {object} data
   */
  trigger(event, data) {
    if (!this.host.events.includes(event)) throw new Error(`The server has no handler for ${event}.`);
    this.host.trigger(event, data);
  }

  /**
   * Draws now and whenever the value is another one.
   * @param {() => void} draw
   */
  follow(draw) {
    draw();
    this.host.watch("value", draw);
  }

  /**
   * Listens on the component.
   * @template {keyof HTMLElementEventMap} K
   * @param {K} name
   * @param {(event: HTMLElementEventMap[K]) => void} use
   * @param {AddEventListenerOptions} [options]
   */
  on(name, use, options) {
    this.element.addEventListener(name, use, options);
  }

  /**
   * Listens on the whole page, for as long as the component is on it.
   * @template {keyof DocumentEventMap} K
   * @param {K} name
   * @param {(event: DocumentEventMap[K]) => void} use
   */
  onPage(name, use) {
    /** @param {DocumentEventMap[K]} event */
    const heard = (event) => (this.element.isConnected ? use(event) : document.removeEventListener(name, heard));
    document.addEventListener(name, heard);
  }

  /**
   * Hears what another component tells, for as long as this one is on the page.
   * @template Detail
   * @param {string} name
   * @param {(detail: Detail) => void} use
   */
  hear(name, use) {
    /** @param {Event} event */
    const heard = (event) => {
      if (!this.element.isConnected) document.removeEventListener(name, heard);
      else if (event instanceof CustomEvent) use(event.detail);
    };
    document.addEventListener(name, heard);
  }
}
