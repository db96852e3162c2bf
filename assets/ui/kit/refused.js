// What the server refuses, said on the page. Gradio shows nothing where an event that is not queued ends in an error, and ours
// are not queued: handlers say what is wrong where it was typed, and raise what belongs to no place.
import { tell } from "./part.js";

const EVENT = /\/gradio_api\/run\//;

/**
 * The sentence of a refused event; "" of any other answer.
 * @param {Response} answer
 */
export async function refusal(answer) {
  if (answer.ok || !EVENT.test(answer.url)) return "";
  try {
    const said = (await answer.clone().json()).error;
    return typeof said === "string" ? said : "";
  } catch {
    return "";
  }
}

/** From now on. */
export function hearRefusals() {
  const plain = globalThis.fetch;
  globalThis.fetch = async (...given) => {
    const answer = await plain(...given);
    if (!answer.ok) void refusal(answer).then((sentence) => sentence && tell("studio:refused", { sentence }));
    return answer;
  };
}
