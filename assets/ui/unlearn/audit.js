// What the form of an audit holds, and what follows from it. No page needed.

/** @typedef {{ words: string, said: string[] }} Concept said: models whose card says that they never saw it */
/** @typedef {{ id: string, title: string, base: string, models: string[], concepts: Concept[] }} Adapter */
/** @typedef {{ id: string, title: string, role: string, world: string }} Model */
/** @typedef {{ name: string, title: string, clause: string, access: string, about: string }} Attack */
/**
 * @typedef {object} Form
 * @property {string} adapter
 * @property {string} model "" is the one that the adapter was made on
 * @property {string | null} never_saw null while nobody chose
 * @property {string} concept "" is the first
 * @property {string[]} attacks
 * @property {Record<string, string>} numbers
 */

/**
 * Models that can stand for one that never saw the concept: those whose card says so, and the others of the same world.
 * @param {Model[]} models
 * @param {string} model id of the one that is attacked
 * @param {readonly string[]} said
 */
export function controls(models, model, said) {
  const own = models.find((one) => one.id === model);
  const others = models.filter((one) => one.id !== model && one.world === own?.world);
  return { said: others.filter((one) => said.includes(one.id)), others: others.filter((one) => !said.includes(one.id)) };
}

/**
 * The one that is taken where nobody chose: of the same kind, which is sampled in the same way.
 * @param {Model[]} said
 * @param {string | undefined} role
 */
export const usual = (said, role) => said.find((one) => one.role === role)?.id ?? "";

/**
 * What an audit comes to, before it is started.
 * @param {Attack[]} chosen
 * @param {number} all how many attacks there are
 * @param {number} models
 * @param {string} pictures as they are typed
 */
export function expected(chosen, all, models, pictures) {
  const n = chosen.length, trained = chosen.filter((one) => one.access === "weights").length, each = Number(pictures);
  if (!n) return "No attack is chosen.";
  const what = n === all ? `All ${n} attacks` : n === 1 ? "One attack" : `${n} attacks`;
  const plain = chosen.some((one) => one.name === "seeds") ? `, ${4 * each} of plain prompts` : "";
  const drawn = each > 0 ? `; ${each} pictures for every figure${plain}` : "";
  const train = trained === 1 ? "One of them trains" : `${trained} of them train`;
  const costly = trained ? ` ${trained === n ? "Each of them trains" : train}, which takes longest.` : "";
  return `${what} on ${models === 3 ? "three models" : "two models"}${drawn}.${costly}`;
}
