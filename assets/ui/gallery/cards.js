// One run as a card.
import { attr, button, file, make } from "../kit/dom.js";

/**
 * @typedef {object} Card
 * @property {string} id
 * @property {string} kind
 * @property {string} kind_title
 * @property {string} title
 * @property {string[]} rest what else tells it apart
 * @property {string} prompt
 * @property {string[]} models
 * @property {string[]} pictures paths below the run directory
 * @property {boolean} wide each picture holds several samples side by side
 * @property {string} said a sentence, where there are no pictures
 * @property {string} name
 * @property {string[]} tags
 * @property {boolean} favourite
 * @property {string} state
 * @property {string} note
 * @property {string} when
 * @property {string} made
 * @property {boolean} ended
 */

/** @param {Card} card */
export const titleOf = (card) => card.name || card.title;

/**
 * The card that has the focus, and which of its buttons, so that it is there again once the card is drawn anew.
 * @param {Element} grid of all cards
 */
export function heldIn(grid) {
  const active = document.activeElement, run = active?.closest(".g-card")?.getAttribute("data-run");
  return active && run && grid.contains(active) ? { run, part: active.classList[0] } : null;
}

/**
 * @param {Card} card
 * @param {{ chosen: boolean, locked: boolean }} how
 */
export function drawn(card, { chosen, locked }) {
  const node = make("li", "g-card"), open = button("g-open", "", { run: card.id }), words = make("span", "g-words");
  node.dataset.run = card.id;
  node.dataset.chosen = String(chosen);
  const title = make("b", "", titleOf(card));
  const about = make("small", "g-about", [...(card.name ? [card.title] : []), ...card.rest].join(" · "));
  const line = make("small", "g-line"), kind = make("i", "g-kind", card.kind_title), state = make("i", "run-state", card.state);
  state.dataset.state = card.state;
  state.title = card.note;
  const time = make("time", "", card.when);
  time.title = card.made;
  line.append(kind, time, state);
  words.append(title, about);
  if (card.prompt && !card.title.includes(card.prompt)) words.append(make("small", "g-prompt", `“${card.prompt}”`));
  words.append(line);
  open.append(strip(card), words);
  attr(open, "aria-label", `Open ${titleOf(card)}, ${card.kind_title}, ${card.made}, ${card.state}`);
  node.append(open);
  if (card.tags.length) {
    const tags = make("span", "g-tags");
    tags.append(...card.tags.map((tag) => button("g-tag", tag, { tag })));
    node.append(tags);
  }
  node.append(tools(card, chosen, locked));
  return node;
}

/** @param {Card} card */
function strip(card) {
  const box = make("span", card.wide ? "g-strip g-wide" : "g-strip");
  box.dataset.n = String(card.pictures.length);
  if (!card.pictures.length) {
    box.append(make("span", "g-none", card.said || (card.ended ? "no pictures" : card.state)));
    return box;
  }
  for (const path of card.pictures) {
    const image = new Image();
    image.loading = "lazy";
    image.decoding = "async";
    image.alt = "";
    image.addEventListener("error", () => image.remove(), { once: true });
    image.src = file(card.id, path);
    box.append(image);
  }
  return box;
}

/**
 * @param {Card} card
 * @param {boolean} chosen
 * @param {boolean} locked
 */
function tools(card, chosen, locked) {
  const box = make("span", "g-tools"), star = button("g-star", card.favourite ? "★" : "☆");
  attr(star, "aria-pressed", card.favourite);
  attr(star, "aria-label", "Favourite");
  star.title = "Favourite (F)";
  const hold = button("g-choose", "Side by side");
  attr(hold, "aria-pressed", chosen);
  hold.title = "Choose two runs to see them side by side (C)";
  const edit = button("g-edit", "Name, tags");
  edit.title = "Name and tags (E)";
  box.append(star, hold, edit);
  if (!locked) {
    const gone = button("g-delete", "Delete");
    gone.title = card.ended ? "To the trash (Del)" : "A run that goes on cannot be deleted";
    box.append(gone);
  }
  return box;
}

/**
 * The form in which a run is named and tagged.
 * @param {Card} card
 */
export function form(card) {
  const box = make("div", "g-form");
  /** @type {[string, string, string, string][]} */
  const fields = [["name", "Name", card.name, card.title], ["tags", "Tags", card.tags.join(", "), "commas between them"]];
  for (const [name, label, value, hint] of fields) {
    const row = make("label", "", label), input = make("input");
    Object.assign(input, { name, value, placeholder: hint, maxLength: name === "name" ? 120 : 400, type: "text" });
    row.append(input);
    box.append(row);
  }
  const ends = make("span", "g-ends");
  ends.append(button("tool g-save", "Save"), button("tool g-leave", "Cancel"), make("span", "g-wrong"));
  box.append(ends);
  return box;
}
