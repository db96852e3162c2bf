// A page's talk with a live run: the newest text goes out, one request at a time; what is on the canvas comes in.

const WAIT_S = 20; // a question for the canvas waits so long at the server
const AGAIN_MS = 1000; // after an answer that could not be had

/** @typedef {{ seed: number, path: string }} Sample */
/** @typedef {{ arm: string, wish: number, prompt: string, nfe: number, ms: number, images: Sample[] }} Drawn */
/**
 * @typedef {object} Canvas
 * @property {number} [wish]
 * @property {string} [prompt]
 * @property {Drawn[]} [arms]
 * @property {string} [why]
 * @property {string} [notice]
 * @property {{ arm: string, step: number, steps: number } | null} [doing]
 */
/** @typedef {{ run: string, state: string, live: boolean, note: string, tag: string, canvas: Canvas }} Told */

/**
 * What becomes of it. sent: under which number a text went out; ended: the run has, and nothing goes out any more.
 * @typedef {object} Heard
 * @property {(told: Told) => void} told
 * @property {(wish: number, text: string) => void} sent
 * @property {() => void} ended
 * @property {(sentence: string) => void} refused
 */

export class Talk {
  /** @type {string | null} */
  waiting = null; // the text that goes out next
  sending = false;
  over = false;

  /**
   * @param {string} run
   * @param {Heard} heard
   * @param {typeof fetch} [ask]
   */
  constructor(run, heard, ask = (...given) => fetch(...given)) {
    this.address = `live/${run}`;
    this.heard = heard;
    this.ask = ask;
  }

  /** @param {string} text what came before it and is not out yet is left */
  async say(text) {
    this.waiting = text;
    if (this.sending) return;
    this.sending = true;
    while (this.waiting !== null && !this.over) {
      const prompt = this.waiting;
      this.waiting = null;
      await this.send(prompt);
    }
    this.sending = false;
  }

  /** @param {string} prompt */
  async send(prompt) {
    const headers = { "Content-Type": "application/json" }, body = JSON.stringify({ prompt });
    try {
      const answer = await this.ask(this.address, { method: "POST", headers, body });
      if (this.over) return;
      const said = answer.ok ? await answer.json() : null;
      if (said?.wish) this.heard.sent(said.wish, prompt);
      else if (said || answer.status === 404) this.end();
      else this.heard.refused((await answer.json()).error ?? "The studio could not take this text.");
    } catch {
      this.heard.refused("The studio does not answer; it is asked again with the next letter.");
    }
  }

  end() {
    if (this.over) return;
    this.over = true;
    this.heard.ended();
  }

  /** Hears of the canvas until the run has ended or `over` is set. */
  async listen() {
    let tag = "";
    while (!this.over) {
      try {
        const answer = await this.ask(`${this.address}?wait=${tag ? WAIT_S : 0}&seen=${encodeURIComponent(tag)}`);
        if (this.over) return;
        if (answer.status === 404) return this.end();
        if (!answer.ok && answer.status !== 304) throw new Error(String(answer.status));
        if (answer.status === 304) continue;
        /** @type {Told} */
        const told = await answer.json();
        tag = told.tag;
        this.heard.told(told);
        if (!told.live) return this.end();
      } catch {
        await new Promise((go) => setTimeout(go, AGAIN_MS));
      }
    }
  }
}
