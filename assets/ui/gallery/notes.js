// A name and tags of one's own for a run, written on its card.
import { all, find, put } from "../kit/dom.js";
import { tagsOf } from "./asked.js";
import { form } from "./cards.js";

/** @typedef {import("./cards.js").Card} Card */

export class Notes {
  /**
   * @param {HTMLElement} grid of all cards
   * @param {(wish: object) => Promise<unknown>} keep the server's; it answers the notes, or what is wrong with them
   * @param {(card: Card, changed: boolean) => void} left the form has gone
   */
  constructor(grid, keep, left) {
    this.grid = grid;
    this.keep = keep;
    this.left = left;
  }

  close() {
    for (const open of all(".g-form", this.grid)) open.remove();
  }

  /**
   * @param {Card} card
   * @param {HTMLElement | undefined} node its own
   */
  edit(card, node) {
    this.close();
    const box = form(card);
    node?.append(box);
    find("input", box).focus();
  }

  /** @param {Card} card */
  leave(card) {
    this.close();
    this.left(card, false);
  }

  /** @param {Card} card */
  async save(card) {
    const box = this.grid.querySelector(".g-form");
    if (!box) return;
    const [name, tags] = ["name", "tags"].map((field) => find(`input[name=${field}]`, box, HTMLInputElement).value);
    const notes = await this.keep({ run: card.id, name, tags: tagsOf(tags) });
    const { problem } = /** @type {{ problem?: string }} */ (notes);
    if (problem) return put(find(".g-wrong", box), problem);
    Object.assign(card, notes);
    this.close();
    this.left(card, true);
  }
}
