// How a run stands, as the server's memory has it (studio/ui/states.py): asked often, answered without Gradio.

const PATIENCE_MS = 10000; // for an answer

/** @typedef {{ stamp: string | null, state: string }} Stands stamp: another one whenever anything of the run is; null where the
 * server does not say. state: "" where it is not known, "gone" where there is no such run */
/** @typedef {{ kind: string, lane: string, title: string, state: string, note: string }} Told */

/**
 * @param {string} run
 * @param {string} method
 */
const asked = (run, method) => fetch(new URL(`run-state/${encodeURIComponent(run)}`, document.baseURI),
  { method, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });

/**
 * @param {string} run
 * @returns {Promise<Stands>}
 */
export async function stands(run) {
  try {
    const answer = await asked(run, "HEAD");
    if (!answer.ok) return { stamp: null, state: answer.status === 404 ? "gone" : "" };
    return { stamp: answer.headers.get("run-stamp"), state: answer.headers.get("run-state") ?? "" };
  } catch {
    return { stamp: null, state: "" };
  }
}

/**
 * What a run is called and how it ended; null where the server does not say.
 * @param {string} run
 * @returns {Promise<Told | null>}
 */
export async function told(run) {
  try {
    const answer = await asked(run, "GET");
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
