// Which model is tuned, what decides (a reward, or votes), and how. value = that of options.js with {rewards: by key of a model,
// sets: of votes}. Tells "preference-told" with {sets, model, decides}, again when "preference-asked"; hears "preference-sets"
// with new sets.
import { all, at, attr, make, put, rebuild } from "../kit/dom.js";
import { inList } from "../kit/keys.js";
import { tell } from "../kit/part.js";
import { sent } from "./form.js";
import { Options } from "./options.js";

/** @typedef {{ name: string, title: string, about: string, group: string }} Reward */
/** @typedef {{ name: string, model: string, domain: string, said: string, decided: number }} VoteSet */
/** @typedef {import("./options.js").Model & { domain: string, rewards: string }} Model */
/** @typedef {{ models: Model[], rewards: Record<string, Reward[]>, sets: VoteSet[] }} Known */
/** @typedef {Omit<import("./options.js").Value, "models"> & Known} Value */
/** @typedef {import("./options.js").Choice & { decides: string, reward: string, votes: string }} Form */

/** @type {Form} */
export const form = { decides: "reward", reward: "", votes: "", base: "", method: "", name: "", steps: "", settings: {} };

/** What Start sends, as JSON text in the place of its input. */
export const readForm = () => JSON.stringify(sent(form));

/** @extends {Options<Value>} */
class PreferenceForm extends Options {
  /** @type {VoteSet[]} */
  sets = [];

  /** @param {import("../kit/part.js").Host<Value>} host */
  constructor(host) {
    super(host, form);
    this.reward = this.$(".p-reward", HTMLSelectElement);
    this.set = this.$(".p-set", HTMLSelectElement);
    this.reward.addEventListener("change", () => this.decide("reward", this.reward.value));
    this.set.addEventListener("change", () => this.decide("votes", this.set.value));
    this.on("click", (event) => this.decide(at(event, "[data-decides]")?.dataset.decides ?? form.decides));
    this.$(".p-switch").addEventListener("keydown", (event) => {
      if (!inList(event.key)) return;
      event.preventDefault();
      this.decide(form.decides === "reward" ? "votes" : "reward");
      this.$('.p-switch [aria-checked="true"]').focus();
    });
    this.hear("preference-sets", (/** @type {{ sets: VoteSet[], name: string }} */ found) => {
      this.sets = found.sets;
      if (found.name) form.votes = found.name;
      this.drawDecides();
    });
    this.hear("preference-returned", () => this.again());
    this.hear("preference-asked", () => this.tell()); // the voting place came later
    this.sets = this.value?.sets ?? [];
    this.drawDecides();
    this.tell();
  }

  /** @override */
  draw() {
    this.sets = this.value?.sets ?? [];
    super.draw();
    this.tell();
  }

  /**
   * @override
   * @param {string} id of a model
   */
  choose(id) {
    super.choose(id);
    if (!this.reward) return; // the base's constructor draws before there is more
    this.drawDecides();
    this.tell();
  }

  /** Says to the voting place what it needs to know. */
  tell() {
    tell("preference-told", { sets: this.sets, model: form.base, decides: form.decides });
  }

  /**
   * @param {string} what
   * @param {string} [chosen] of it
   */
  decide(what, chosen) {
    form.decides = what;
    if (chosen !== undefined) form[what === "votes" ? "votes" : "reward"] = chosen;
    this.drawDecides();
    this.tell();
  }

  drawDecides() {
    if (!this.reward || !this.value?.models.length) return;
    for (const box of all("[data-decides]", this.element)) {
      const on = box.dataset.decides === form.decides;
      attr(box, "aria-checked", on);
      box.tabIndex = on ? 0 : -1;
    }
    const model = this.value.models.find((one) => one.id === form.base), byVotes = form.decides === "votes";
    const known = this.value.rewards[model?.rewards ?? ""] ?? [], sets = this.sets.filter((one) => one.domain === model?.domain);
    if (!known.some((one) => one.name === form.reward)) form.reward = known[0]?.name ?? "";
    if (!sets.some((one) => one.name === form.votes)) form.votes = sets[0]?.name ?? "";
    rebuild(this.reward, JSON.stringify(known.map((one) => one.name)), () => grouped(known));
    const listed = sets.map((one) => new Option(`${one.name} (${one.decided} decided)`, one.name));
    rebuild(this.set, JSON.stringify(sets), () => (sets.length ? listed : [new Option("none yet", "")]));
    this.reward.value = form.reward;
    this.set.value = form.votes;
    this.$(".p-by-reward").hidden = byVotes;
    this.$(".p-by-votes").hidden = !byVotes;
    const reward = known.find((one) => one.name === form.reward)?.about ?? "", set = sets.find((one) => one.name === form.votes);
    const none = "Draw pairs on this page, and say which picture of each is better.";
    const votes = set ? `${set.said}, on pictures of ${set.model}.` : none;
    put(this.$(".p-decides .p-about"), byVotes ? votes : reward);
  }
}

/** @param {Reward[]} known */
function grouped(known) {
  const groups = [...new Set(known.map((one) => one.group))];
  return groups.map((label) => {
    const group = Object.assign(make("optgroup"), { label });
    group.append(...known.filter((one) => one.group === label).map((one) => new Option(one.title, one.name)));
    return group;
  });
}

/** @param {import("../kit/part.js").Host<Value>} host */
export const mount = (host) => void new PreferenceForm(host);
