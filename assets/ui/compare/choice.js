// Which cell of the wall is meant, and where words of a sentence name an arm. No page needed.
import { clamp } from "../kit/numbers.js";

/**
 * What is chosen of a new wall: its first seed, the teacher against the student where both are there.
 * @param {readonly string[]} arms
 * @param {readonly number[]} seeds
 */
export function atFirst(arms, seeds) {
  const left = arms.includes("teacher") ? "teacher" : arms[0];
  const right = arms.includes("student") && left !== "student" ? "student" : arms.find((arm) => arm !== left) ?? left;
  return { seed: seeds[0], left, right };
}

/**
 * What is chosen after a press on a cell: its seed, and its arm on the right unless it stands on the left.
 * @template {{ seed: number, left: string, right: string }} Selected
 * @param {Selected} selected
 * @param {string} arm
 * @param {number} seed
 * @returns {Selected}
 */
export const pressed = (selected, arm, seed) => ({ ...selected, seed, right: arm === selected.left ? selected.right : arm });

/**
 * The cell that lies beside another one; at the edge it stays.
 * @param {readonly string[]} arms
 * @param {readonly number[]} seeds
 * @param {{ arm: string, seed: number }} from
 * @param {readonly [across: number, down: number]} move
 */
export function beside(arms, seeds, from, [across, down]) {
  return {
    arm: arms[clamp(arms.indexOf(from.arm) + down, 0, arms.length - 1)],
    seed: seeds[clamp(seeds.indexOf(from.seed) + across, 0, seeds.length - 1)],
  };
}

/**
 * A sentence cut where it names an arm.
 * @param {string} sentence
 * @param {string} hybrid the colour that "hybrid" wears
 * @returns {{ text: string, tone: string }[]} tone "" where no arm is named
 */
export function named(sentence, hybrid) {
  /** @type {Record<string, string>} */
  const tones = { teacher: "teacher", student: "student", hybrid, "skip-first": "skip-first", "skip first": "skip-first" };
  return sentence.split(/\b(teacher|student|hybrid|skip-first|skip first)\b/i).filter(Boolean)
    .map((text) => ({ text, tone: tones[text.toLowerCase()] ?? "" }));
}

/**
 * The least width of a cell that still shows a picture.
 * @param {number} seeds
 */
export const leastWidth = (seeds) => (seeds <= 10 ? "76px" : seeds <= 20 ? "62px" : "50px");

/**
 * What a row says while it has no figures.
 * @param {{ images: Record<string, string>, strip: { step: number, steps: number } | null }} row
 * @param {number} seeds
 * @param {boolean} live
 */
export function waiting(row, seeds, live) {
  const drawn = Object.keys(row.images).length;
  if (drawn) return `${drawn} of ${seeds} drawn`;
  if (row.strip) return `step ${row.strip.step} of ${row.strip.steps}`;
  return live ? "waiting" : "not drawn";
}
