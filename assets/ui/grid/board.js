// A grid as a table: columns, rows, and pages by a slider; one seed at a time. value = GridView.board(), or {run: null}.
import { remember } from "../kit/address.js";
import { at, attr, button, file, find, make, put, rebuild, tone, typing } from "../kit/dom.js";
import { Drawer } from "../kit/drawer.js";
import { around, done } from "../kit/numbers.js";
import { Part } from "../kit/part.js";
import { SaveBar } from "../kit/save.js";
import { pictureOf } from "../kit/sheet.js";
import { captionOf, figuresOf, nameOf, placeOf, seedsOf, shownSeed, towards, WAYS, wordsOf } from "./places.js";

/** @typedef {import("./places.js").Axis} Axis */
/** @typedef {import("./places.js").Cell} Cell */
/**
 * @typedef {object} View
 * @property {string} run
 * @property {string} prompt
 * @property {Axis[]} axes
 * @property {string} state
 * @property {boolean} live
 * @property {{ word: string, text: string }} status
 * @property {{ done: number, total: number } | null} progress
 * @property {string[]} notices
 * @property {Record<string, Cell>} cells by name
 */
/** @typedef {View | { run: null }} Value */

const USUAL = ["diversity", "accuracy"]; // figures that are shown first where a grid has them

/**
 * A page of a grid on one seed, as it is saved.
 * @param {View} view
 * @param {string} seed
 * @param {number} z
 * @param {string} figure
 * @returns {import("../kit/sheet.js").Sheet}
 */
export function sheetOf(view, seed, z, figure) {
  const [columns, rows, pages] = view.axes;
  const page = pages ? `, ${pages.title} ${pages.labels[z]}` : "";
  return {
    title: `“${view.prompt}”, seed ${seed}${page}; columns: ${columns.title}`,
    heads: columns.labels,
    rows: (rows?.labels ?? [""]).map((label, y) => ({
      title: rows ? `${rows.title} ${label}` : columns.title, tone: rows?.tones[y] || "other", notes: [],
      cells: columns.labels.map((_, x) => {
        const cell = view.cells[nameOf(view.axes, x, y, z)], path = cell?.images[shownSeed(cell, seed)];
        return path ? { address: file(view.run, path), note: captionOf(cell, figure) } : null;
      }),
    })),
  };
}

/** @extends {Part<Value>} */
class Board extends Part {
  /** @type {View | null} */
  view = null;
  seed = "";
  z = 0;
  figure = "";
  open = ""; // name of the cell that is looked at

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host);
    this.select = this.$(".grd-figure select", HTMLSelectElement);
    this.page = this.$(".grd-page input", HTMLInputElement);
    this.drawer = new Drawer(this.$(".grd-cell", HTMLDialogElement), ".grd-scroll", () => this.closed());
    this.on("click", (event) => this.pressed(event));
    this.on("input", (event) => event.target === this.page && this.turn(Number(this.page.value)));
    this.on("change", (event) => {
      if (event.target !== this.select) return;
      this.figure = this.select.value;
      this.fill();
    });
    this.on("keydown", (event) => this.moved(event));
    this.onPage("keydown", (event) => {
      if (!this.element.offsetParent || !this.view || typing(event)) return;
      if (event.key === "[") this.step(-1);
      if (event.key === "]") this.step(1);
    });
    this.saves = new SaveBar(this.$(".b-save"), host.server.save_as, () => this.toSave());
    this.follow(() => this.draw());
  }

  /** @returns {import("../kit/save.js").Result} */
  toSave() {
    const view = this.view, any = view && !view.live && Object.values(view.cells).some((cell) => Object.keys(cell.images).length);
    const page = view && view.axes.length > 2 ? `-page-${this.z + 1}` : "";
    return { name: any ? `grid-${view.run}` : "", part: `seed-${this.seed}${page}`, wish: { run: view?.run },
      picture: () => (view ? pictureOf(sheetOf(view, this.seed, this.z, this.figure), this.element) : Promise.resolve(null)) };
  }

  draw() {
    const value = this.value, view = value?.run ? value : null;
    if (view?.run !== this.view?.run) {
      this.z = 0;
      if (view) remember("grid", view.run);
    }
    this.view = view;
    this.$(".board").dataset.state = view ? view.state : "empty";
    if (!view) return;
    put(this.$(".b-chip"), view.status.word);
    put(this.$(".b-text"), view.status.text);
    const percent = done(view.state, view.progress);
    this.$(".b-bar i").style.width = `${percent}%`;
    attr(this.$(".b-bar"), "aria-valuenow", Math.round(percent));
    put(this.$(".b-headline"), `“${view.prompt}”`);
    this.$(".b-notices").replaceChildren(...view.notices.map((text) => make("li", "", text)));
    this.offer(view);
    this.saves.draw();
    this.build(view);
    this.fill();
  }

  /**
   * Seeds, figures and pages there are.
   * @param {View} view
   */
  offer(view) {
    const cells = Object.values(view.cells), seeds = seedsOf(cells), figures = figuresOf(cells);
    if (!seeds.includes(this.seed)) this.seed = seeds[0] ?? "";
    this.$(".grd-seeds").hidden = seeds.length < 2 || view.axes.some((axis) => axis.setting === "seeds");
    put(this.$(".grd-seed"), `seed ${this.seed}`);
    if (this.figure && !figures.includes(this.figure)) this.figure = "";
    rebuild(this.select, JSON.stringify(figures), () => {
      this.figure ||= USUAL.find((name) => figures.includes(name)) ?? "";
      return [new Option("nothing", ""), ...figures.map((name) => new Option(name, name))];
    });
    this.select.value = this.figure;
    this.$(".grd-figure").hidden = !figures.length;
    const pages = view.axes[2];
    this.$(".grd-page").hidden = !pages;
    if (!pages) return;
    this.page.max = String(pages.labels.length - 1);
    this.page.value = String(this.z);
    put(this.$(".grd-page span"), `${pages.title}: ${pages.labels[this.z]}`);
  }

  /** @param {View} view */
  build(view) {
    const [columns, rows] = view.axes, table = this.$(".grd-table", HTMLTableElement);
    rebuild(table, JSON.stringify([view.run, view.axes]), () => {
      const head = make("thead"), top = make("tr"), body = make("tbody"), corner = make("th", "grd-corner");
      corner.append(make("span", "", columns.title), ...(rows ? [make("span", "", rows.title)] : []));
      top.append(corner, ...columns.labels.map((label, x) => this.head(label, columns.tones[x], "col")));
      head.append(top);
      body.append(...(rows?.labels ?? [""]).map((label, y) => {
        const line = make("tr");
        line.append(this.head(label, rows?.tones[y] ?? "", "row"), ...columns.labels.map((_, x) => {
          const box = make("td"), cell = button("grd-box", undefined, { x, y });
          cell.append(make("span", "grd-note"));
          box.append(cell, make("span", "grd-said"));
          return box;
        }));
        return line;
      }));
      return [head, body];
    });
  }

  /**
   * @param {string} label
   * @param {string} arm
   * @param {string} scope
   */
  head(label, arm, scope) {
    const head = make("th", arm ? "grd-head grd-arm" : "grd-head"), text = make("span", "", label);
    if (arm) tone(head, `--arm-${arm}`);
    head.title = label;
    attr(head, "scope", scope);
    head.append(text);
    return head;
  }

  fill() {
    const view = this.view;
    if (!view) return;
    for (const box of this.element.querySelectorAll(".grd-box")) {
      if (box instanceof HTMLButtonElement) this.fillBox(box, view);
    }
    if (this.open) this.look(this.open);
  }

  /**
   * @param {HTMLButtonElement} box
   * @param {View} view
   */
  fillBox(box, view) {
    const name = nameOf(view.axes, Number(box.dataset.x), Number(box.dataset.y), this.z), cell = view.cells[name];
    const seed = cell ? shownSeed(cell, this.seed) : "", path = cell?.images[seed], image = box.querySelector("img");
    if (path && image?.dataset.path !== path) {
      const fresh = Object.assign(new Image(), { loading: "lazy", src: file(view.run, path) });
      fresh.alt = `${wordsOf(view.axes, name)}, seed ${seed}`;
      fresh.dataset.path = path;
      if (image) image.replaceWith(fresh);
      else box.prepend(fresh);
    } else if (!path) image?.remove();
    box.disabled = !cell;
    box.dataset.state = path ? "drawn" : cell?.why ? "refused" : "waits";
    attr(box, "aria-label", `${wordsOf(view.axes, name)}: ${path ? "enlarge" : cell?.why || "not drawn yet"}`);
    put(find(".grd-note", box), cell?.why ?? "");
    const said = box.nextElementSibling;
    if (said) put(said, captionOf(cell, this.figure));
  }

  /** @param {MouseEvent} event */
  pressed(event) {
    const box = at(event, ".grd-box"), other = at(event, ".grd-others button"), view = this.view;
    if (!view) return;
    if (box) this.look(nameOf(view.axes, Number(box.dataset.x), Number(box.dataset.y), this.z));
    if (other) this.choose(other.dataset.seed ?? "");
    if (at(event, ".grd-prev")) this.step(-1);
    if (at(event, ".grd-next")) this.step(1);
    if (at(event, ".grd-compare") && this.open) {
      this.trigger("compare", { run: view.run, at: this.open });
      this.drawer.close();
    }
  }

  /** @param {KeyboardEvent} event */
  moved(event) {
    if (!this.view || !(event.key in WAYS) || typing(event)) return;
    if (this.open) {
      event.preventDefault();
      this.look(towards(this.view.axes, this.open, event.key));
    }
  }

  /**
   * A cell, large, with everything that is known of it.
   * @param {string} name
   */
  look(name) {
    const view = this.view, cell = view?.cells[name], box = this.$(".grd-cell");
    if (!view || !cell) return;
    const seed = shownSeed(cell, this.seed), path = cell.images[seed], image = find("img", box, HTMLImageElement);
    const save = find(".grd-file", box, HTMLAnchorElement), why = find(".grd-why", box);
    this.open = name;
    put(find(".drawer-head b", box), path ? `Seed ${seed}` : "Not drawn");
    image.hidden = save.hidden = find(".grd-compare", box).hidden = !path;
    why.hidden = !cell.why;
    put(why, cell.why);
    if (path) {
      image.src = save.href = file(view.run, path);
      image.alt = `${wordsOf(view.axes, name)}, seed ${seed}, enlarged`;
      save.download = `grid-${view.run}-${name}-seed-${seed}.png`;
    }
    const others = Object.entries(cell.images), key = JSON.stringify([view.run, name, others]);
    rebuild(find(".grd-others", box), key, () => (others.length < 2 ? [] : others.map(([one, small]) => {
      const press = button("", undefined, { seed: one });
      press.append(Object.assign(new Image(), { loading: "lazy", src: file(view.run, small), alt: `seed ${one}` }));
      return press;
    })));
    box.querySelectorAll(".grd-others button").forEach((press) => {
      if (press instanceof HTMLElement) attr(press, "aria-pressed", press.dataset.seed === seed);
    });
    const place = placeOf(name);
    lines(find(".grd-values", box), view.axes.map((axis, i) => [axis.title, axis.labels[place[i]], ""]));
    lines(find(".grd-figures", box), cell.figures);
    this.mark();
    this.drawer.open();
  }

  closed() {
    this.open = "";
    this.mark();
  }

  mark() {
    const [x, y] = placeOf(this.open || "-1");
    for (const box of this.element.querySelectorAll(".grd-box")) {
      if (!(box instanceof HTMLElement)) continue;
      attr(box, "aria-pressed", Boolean(this.open) && box.dataset.x === `${x}` && box.dataset.y === `${y}`);
    }
  }

  /** @param {number} z */
  turn(z) {
    this.z = z;
    if (this.view) this.offer(this.view);
    this.fill();
  }

  /** @param {number} by */
  step(by) {
    const seeds = this.view ? seedsOf(Object.values(this.view.cells)) : [];
    if (seeds.length > 1) this.choose(seeds[around(seeds.indexOf(this.seed), by, seeds.length)]);
  }

  /** @param {string} seed */
  choose(seed) {
    this.seed = seed;
    put(this.$(".grd-seed"), `seed ${seed}`);
    this.fill();
  }
}

/**
 * @param {HTMLElement} list
 * @param {string[][]} found name, value, and what stands beside it
 */
function lines(list, found) {
  rebuild(list, JSON.stringify(found), () => found.flatMap(([name, value, reach]) => {
    const said = make("dd", "", value);
    if (reach) said.append(" ", make("small", "", reach));
    return [make("dt", "", name), said];
  }));
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new Board(host);
