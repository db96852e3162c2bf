// Tabs that come when they are asked for: the page begins with the first one, the others follow when it has nothing else to do.
// The server has them all (`studio/ui/kit/later.py`); the header asks for one, and it has come when an event of its own says so.

/** @typedef {{ there: Promise<void>, come: () => void, here: boolean, asked: number }} Tab */
/** @typedef {(event: string) => void} Ask */

const AGAIN_MS = 5000; // a server that was away is asked again
const IDLE_MS = 400; // the page is busy no longer than that before another tab is asked for
/** @type {Record<string, string>} names of runs in addresses */
const KINDS = {
  live: "live", scrub: "scrub", control: "control", grid: "grid", personalize: "personalize", unlearn: "unlearn",
  audit: "unlearn", evaluate: "evaluate", study: "lab",
};

/** @type {Map<string, Tab>} */
const tabs = new Map();
/** @type {(ask: Ask) => void} */
let found;
/** @type {Promise<Ask>} */
const asking = new Promise((resolve) => (found = resolve));

/** @param {string} name */
function tabOf(name) {
  const known = tabs.get(name);
  if (known) return known;
  const tab = { here: false, asked: -Infinity, come: () => {}, there: Promise.resolve() };
  tab.there = new Promise((resolve) => {
    tab.come = () => {
      tab.here = true;
      resolve();
    };
  });
  tabs.set(name, tab);
  return tab;
}

/**
 * By whom the server is asked.
 * @param {Ask} ask
 */
export const asks = (ask) => found(ask);

/** @param {string} name */
export const came = (name) => tabOf(name).come();

/**
 * Once these tabs are on the page, though they may never have been looked at.
 * @param {string[]} names
 */
export async function brought(names) {
  await Promise.all(names.map(async (name) => {
    const tab = tabOf(name), now = performance.now();
    if (!tab.here && now - tab.asked > AGAIN_MS) {
      tab.asked = now;
      (await asking)(`bring_${name}`);
    }
    await tab.there;
  }));
}

/**
 * The tabs in the order in which an address may want them.
 * @param {string[]} names
 * @param {string} query
 */
export function wanted(names, query) {
  const given = new URLSearchParams(query);
  const first = [given.get("tab") ?? "", ...Object.entries(KINDS).filter(([run]) => given.has(run)).map(([, tab]) => tab)];
  return [...new Set([...first.filter((name) => names.includes(name)), ...names])];
}

/** When the page has nothing else to do. Safari has no `requestIdleCallback`. */
const idle = () =>
  new Promise((go) => {
    if ("requestIdleCallback" in globalThis) requestIdleCallback(go, { timeout: IDLE_MS });
    else setTimeout(go, IDLE_MS);
  });

/**
 * Asks for all of them, one after another.
 * @param {string[]} names
 * @param {string} query
 */
export async function bringAll(names, query) {
  const asked = names.includes(new URLSearchParams(query).get("tab") ?? "");
  for (const [i, name] of wanted(names, query).entries()) {
    if (i || !asked) await idle();
    await brought([name]);
  }
}
