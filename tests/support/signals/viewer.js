// A signal as a line that is as long as the signal.

/**
 * @param {HTMLElement} box
 * @param {{ still: string, files: string[], title: string }} sample
 */
export async function show(box, sample) {
  const { samples } = await (await fetch(sample.files[0])).json();
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  svg.setAttribute("viewBox", "0 -1.5 32 3");
  svg.setAttribute("aria-label", `${sample.title}: ${samples.length} samples`);
  line.setAttribute("points", samples.map((value, at) => `${at},${-value}`).join(" "));
  line.setAttribute("style", "fill: none; stroke: currentColor; stroke-width: 0.08");
  svg.append(line);
  box.replaceChildren(svg);
}
