// The figures of a background run: losses, measures, and small ones for the numbers of its training.
import { all, find, make, rebuild } from "../kit/dom.js";
import { drawFigure } from "../kit/figure.js";

/** @typedef {import("./types.js").Detail} Detail */
/** @typedef {import("./types.js").SmallFigure} SmallFigure */

export class Figures {
  /** @type {Map<string, HTMLElement>} */
  small = new Map(); // kept and used again, as one that is being drawn must not be taken apart
  /** @type {Map<string, string>} */
  shown = new Map(); // theme and text of what was drawn last, by place
  passing = false;
  again = false;

  /**
   * @param {HTMLElement} element
   * @param {() => Detail | null | undefined} detail the run as it is now
   */
  constructor(element, detail) {
    this.element = element;
    this.detail = detail;
  }

  /** Draws everything anew, of another run. */
  forget() {
    this.shown.clear();
  }

  /** @param {SmallFigure} number */
  smallFigure({ key, title, note }) {
    const known = this.small.get(key);
    if (known) return known;
    const item = make("div", "j-number"), head = make("div"), box = make("div", "plot-box"), plot = make("div", "plot");
    head.append(make("b", "", title), make("span"));
    plot.dataset.number = key;
    box.append(plot);
    item.append(head, make("p", "", note), box);
    this.small.set(key, item);
    return item;
  }

  /** @param {SmallFigure[]} numbers */
  drawNumbers(numbers) {
    const box = find(".j-numbers", this.element);
    find(".j-numbers-box", this.element).hidden = !numbers.length;
    rebuild(box, numbers.map((number) => number.key).join(), () => numbers.map((number) => this.smallFigure(number)));
    numbers.forEach(({ values }, i) => find("span", box.children[i]).replaceChildren(...values.map(([value, colour, name]) => {
      const shown = make("em", "", value);
      shown.style.color = `var(${colour.replace("--arm-", "--said-")})`;
      shown.title = name;
      return shown;
    })));
  }

  /** One pass at a time, each over the newest detail: a figure must not be cleared while an older pass still draws it. */
  async draw() {
    this.again = true;
    if (this.passing) return;
    this.passing = true;
    try {
      while (this.again) {
        this.again = false;
        for (const box of all(".plot", this.element)) await this.drawOne(box);
      }
    } finally {
      this.passing = false;
    }
  }

  /** @param {HTMLElement} box */
  text(box) {
    const { figure, number } = box.dataset, detail = this.detail();
    if (figure === "loss" || figure === "measures") return detail?.figures?.[figure];
    return detail?.numbers?.find((one) => one.key === number)?.figure;
  }

  /** @param {HTMLElement} box */
  async drawOne(box) {
    const { figure, number } = box.dataset, text = this.text(box), wait = box.parentElement?.querySelector(".plot-wait");
    if (wait instanceof HTMLElement) wait.hidden = Boolean(text);
    const key = `${document.body.classList.contains("dark")} ${text}`, place = figure ?? `number ${number}`;
    if (this.shown.get(place) === key) return;
    this.shown.set(place, key);
    if (await drawFigure(box, text, () => this.text(box))) box.dataset.ready = "1";
  }
}
