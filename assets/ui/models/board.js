// All models, by where they are and by family; one of them open. value = listing.listed(). Triggers "compare" with {student}.
// Hears "model-added" with its id. While something is downloaded, the server is asked how far it is.
import { remember } from "../kit/address.js";
import { all, at, attr, find, make, put, rebuild } from "../kit/dom.js";
import { Part } from "../kit/part.js";
import { cardOf } from "./card.js";
import { countOf, ended, grouped } from "./groups.js";
import { drawLoad, rowOf } from "./row.js";

/** @typedef {import("./types.js").Listed} Listed */
/** @typedef {import("./types.js").Model} Model */

const LOOK_MS = 1000; // between two looks at downloads

/** @extends {Part<Listed>} */
class Board extends Part {
  /** @type {Listed | null} */
  listed = null;
  chosen = new URLSearchParams(location.search).get("model") ?? "";
  /** @type {import("./card.js").Asking} */
  asking = { kind: "", busy: false };
  looking = false;

  /** @param {import("../kit/part.js").Host<Listed>} host */
  constructor(host) {
    super(host);
    this.filter = this.$(".m-filter", HTMLInputElement);
    this.filter.addEventListener("input", () => this.draw());
    this.on("click", (event) => void this.click(event));
    this.hear("model-added", (/** @type {{ id: string }} */ { id }) => void this.added(id));
    this.follow(() => {
      if (this.value) this.take(this.value);
    });
  }

  /** @param {Listed} listed */
  take(listed) {
    this.listed = listed;
    this.draw();
    void this.watch();
  }

  /**
   * @param {string} name of a function of the server
   * @param {object} wish
   * @returns {Promise<any>}
   */
  async ask(name, wish) {
    /** @type {any} */
    const found = await this.host.server[name](wish).catch(() => ({ problem: "The studio does not answer; try again." }));
    this.say(this.$(".m-problem"), name === "look" || name === "removal" ? "" : found.problem ?? "");
    if (found.downloads && this.listed) this.listed.downloads = found.downloads;
    return found;
  }

  /**
   * @param {HTMLElement} node
   * @param {string} text
   */
  say(node, text) {
    node.hidden = !text;
    put(node, text);
  }

  // -- what is there

  draw() {
    const listed = this.listed;
    if (!listed) return;
    const groups = grouped(listed.models, this.filter.value), open = this.$(".m-list");
    const here = listed.models.filter((model) => model.group !== "hub").length;
    put(this.$(".m-sum"), `${here} here, ${listed.models.length - here} on the Hub, ${listed.free} free on the disk`);
    this.$(".m-none").hidden = groups.length > 0;
    rebuild(open, JSON.stringify([listed.models, this.filter.value]), () => groups.flatMap((group) => this.group(group)));
    this.$(".m-problems").replaceChildren(...listed.problems.map((text) => make("p", "line problem", text)));
    this.drawLoads();
    this.drawCard();
  }

  /** @param {import("./groups.js").Group} group */
  group(group) {
    const box = make("section", "m-group"), head = make("h3", "", group.title);
    head.append(make("span", "", `${countOf(group)}`), make("small", "", group.note));
    box.append(head, ...group.families.map((family) => {
      const of = make("section", "m-family");
      of.append(make("h4", "", family.title), ...family.models.map(rowOf));
      return of;
    }));
    return [box];
  }

  drawLoads() {
    for (const box of all(".m-model", this.element)) {
      const id = box.dataset.model ?? "";
      drawLoad(box, id, this.listed?.downloads[id]);
    }
  }

  drawCard() {
    for (const box of all(".m-model", this.element)) {
      const on = box.dataset.model === this.chosen, card = find(".m-card", box);
      box.classList.toggle("on", on);
      attr(find(".m-row", box), "aria-expanded", on);
      const model = on && this.model();
      if (!model) rebuild(card, "", () => []);
      else {
        const loading = Boolean(this.listed?.downloads[model.id]);
        rebuild(card, JSON.stringify([model, loading, this.asking]), () => cardOf(model, loading, this.asking));
      }
    }
  }

  /** @returns {Model | undefined} the open one */
  model() {
    return this.listed?.models.find((model) => model.id === this.chosen);
  }

  // -- downloads that go on

  async watch() {
    if (this.looking) return;
    this.looking = true;
    while (this.element.isConnected && Object.values(this.listed?.downloads ?? {}).some((load) => load.live)) {
      await new Promise((later) => setTimeout(later, LOOK_MS));
      const before = this.listed?.downloads ?? {}, { downloads } = await this.ask("progress", {});
      if (downloads && ended(before, downloads)) this.listed = await this.again();
      this.draw();
    }
    this.looking = false;
  }

  /** @returns {Promise<Listed | null>} */
  async again() {
    const found = await this.ask("again", {});
    return found.models ? found : this.listed;
  }

  // -- what is pressed

  /** @param {string} id */
  async added(id) {
    this.filter.value = "";
    this.open(id);
    this.listed = await this.again();
    this.draw();
    all(".m-model.on", this.element)[0]?.scrollIntoView({ block: "center" });
  }

  /** @param {string} id "" closes the one that is open */
  open(id) {
    this.chosen = id;
    this.asking = { kind: "", busy: false };
    this.say(this.$(".m-said"), "");
    remember("model", id);
    this.drawCard();
  }

  /** @param {MouseEvent} event */
  async click(event) {
    const { open, compare, act, do: what, of } = at(event, "button")?.dataset ?? {};
    if (open) return this.open(open === this.chosen ? "" : open);
    if (compare) return this.trigger("compare", { student: compare });
    if (act) {
      await this.ask("act", { model: of, action: act });
      this.draw();
      return void this.watch();
    }
    if (what && of) await this.does(what, of);
  }

  /**
   * @param {string} what
   * @param {string} model
   */
  async does(what, model) {
    const secret = this.element.querySelector(".m-secret"), token = secret instanceof HTMLInputElement ? secret.value : "";
    const also = this.element.querySelector(".m-files"), files = also instanceof HTMLInputElement && also.checked;
    if (what === "close") this.asking = { kind: "", busy: false };
    else if (what === "look") await this.asks("download", async () => ({ look: await this.ask("look", { model, token }) }));
    else if (what === "removal") await this.asks("remove", async () => ({ removal: await this.ask("removal", { model }) }));
    else if (what === "download") await this.begin(model, token);
    else if (what === "remove") await this.remove(model, files || this.model()?.remove === "files");
    this.draw();
    void this.watch();
  }

  /**
   * @param {"download" | "remove"} kind
   * @param {() => Promise<object>} found
   */
  async asks(kind, found) {
    this.asking = { kind, busy: true };
    this.drawCard();
    const model = this.chosen, told = await found();
    if (model === this.chosen) this.asking = { kind, busy: false, ...told };
  }

  /**
   * @param {string} model
   * @param {string} token
   */
  async begin(model, token) {
    const { problem } = await this.ask("download", { model, token });
    if (!problem) this.asking = { kind: "", busy: false };
  }

  /**
   * @param {string} model
   * @param {boolean} files
   */
  async remove(model, files) {
    const found = await this.ask("remove", { model, files });
    if (found.problem) return;
    this.open("");
    this.listed = found;
    this.say(this.$(".m-said"), found.said ?? "");
  }
}

/** @param {import("../kit/part.js").Host<Listed>} host */
export const mount = (host) => void new Board(host);
