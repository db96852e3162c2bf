// Plots as drawings that stand alone: an SVG with its own background, colours that are resolved and fonts that have fallbacks, so
// that other programs open it; and the same as a PNG.
import { css } from "./figure.js";
import { download, fileName } from "./files.js";

/** @typedef {{ text: string, width: number, height: number }} Drawing text: an SVG document */
/** @typedef {{ title: string, note: string, svg: SVGSVGElement, wide?: boolean }} Panel wide: across all columns */
/** @typedef {{ text: string, colour: string }} Key a line of the legend */

const SVG = "http://www.w3.org/2000/svg";
const LOOKS = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linejoin",
  "stroke-linecap", "opacity", "font-family", "font-size", "font-weight", "letter-spacing", "text-anchor"];
const EDGE = 20, GAP = 24, CELL = 340, HEAD = 22, SCALE = 2;

/**
 * Text between tags or in quotation marks.
 * @param {string} text
 */
export const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/**
 * Where panels stand, and how large the whole of them is. No page needed.
 * @param {{ wide?: boolean, ratio: number }[]} panels ratio: height by width
 * @param {number} columns
 */
export function laidPanels(panels, columns) {
  const all = columns * CELL + (columns - 1) * GAP, places = [];
  let y = 0, column = 0, tall = 0;
  for (const { wide, ratio } of panels) {
    if (column && (wide || column === columns)) [y, column, tall] = [y + tall + GAP, 0, 0];
    const width = wide ? all : CELL, height = HEAD + Math.round(width * ratio);
    places.push({ x: column * (CELL + GAP), y, width, height });
    tall = Math.max(tall, height);
    column = wide ? columns : column + 1;
  }
  return { places, width: all, height: y + tall };
}

/**
 * A colour as every program knows it: mixed ones are painted to see what they are.
 * @param {string} value
 */
function plain(value) {
  if (!/^(color|oklab|oklch|lab|lch)\(/.test(value)) return value;
  const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  if (!pen) return value;
  pen.fillStyle = value;
  pen.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
  return `rgba(${r}, ${g}, ${b}, ${(a / 255).toFixed(3)})`;
}

/**
 * A copy that says of every shape how it looks, instead of which rule of the page's style sheet it follows.
 * @param {SVGSVGElement} svg
 */
function resolved(svg) {
  const copy = /** @type {SVGSVGElement} */ (svg.cloneNode(true));
  const from = [svg, ...svg.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
  from.forEach((node, i) => {
    const look = getComputedStyle(node);
    for (const name of ["class", "style"]) to[i].removeAttribute(name);
    if (node !== svg) for (const name of LOOKS) to[i].setAttribute(name, plain(look.getPropertyValue(name)));
  });
  for (const name of ["role", "aria-hidden", "aria-label"]) copy.removeAttribute(name);
  return copy;
}

/**
 * Own figures as one drawing, on the colour of their card.
 * @param {string} title
 * @param {Panel[]} panels
 * @param {Key[]} keys
 * @param {Element} element whose colours and fonts it takes
 * @returns {Drawing | null} null where there are none
 */
export function drawingOf(title, panels, keys, element) {
  const shown = panels.filter(({ svg }) => svg.viewBox.baseVal?.width);
  if (!shown.length) return null;
  const font = escaped(css(element, "--font") || "sans-serif"), ink = css(element, "--ink"), faint = css(element, "--ink-2");
  const ratios = shown.map(({ wide, svg: { viewBox: { baseVal } } }) => ({ wide, ratio: baseVal.height / baseVal.width }));
  const { places, width, height } = laidPanels(ratios, Math.min(3, shown.filter(({ wide }) => !wide).length || 1));
  const top = EDGE + 24 + (keys.length ? 22 : 0);
  /**
   * @param {string} text
   * @param {number} x
   * @param {number} y
   * @param {string} colour
   * @param {string} how
   */
  const words = (text, x, y, colour, how) =>
    `<text x="${x}" y="${y}" fill="${colour}" font-family="${font}" ${how}>${escaped(text)}</text>`;
  let across = EDGE;
  const legend = keys.map(({ text, colour }) => {
    const drawn = words(text, across, EDGE + 36, colour, 'font-size="12" font-weight="600"');
    across += 20 + 7 * text.length;
    return drawn;
  });
  const drawn = shown.map(({ title: name, note, svg }, i) => {
    const place = places[i], copy = resolved(svg), x = EDGE + place.x, y = top + place.y;
    for (const [key, value] of Object.entries({ x, y: y + HEAD, width: place.width, height: place.height - HEAD }))
      copy.setAttribute(key, String(value));
    const head = words([name, note].filter(Boolean).join(" · "), x, y + 14, ink, 'font-size="13" font-weight="600"');
    return head + new XMLSerializer().serializeToString(copy);
  });
  const size = { width: width + 2 * EDGE, height: top + height + EDGE };
  const text = `<svg xmlns="${SVG}" width="${size.width}" height="${size.height}" viewBox="0 0 ${size.width} ${size.height}">` +
    `<title>${escaped(title)}</title><rect width="100%" height="100%" fill="${plain(css(element, "--card"))}"/>` +
    `${words(title, EDGE, EDGE + 14, faint, 'font-size="13"')}${legend.join("")}${drawn.join("")}</svg>\n`;
  return { text, ...size };
}

/**
 * The same as a PNG.
 * @param {Drawing} drawing
 * @returns {Promise<Blob | null>}
 */
export async function painted({ text, width, height }) {
  const image = new Image(), canvas = document.createElement("canvas");
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  Object.assign(canvas, { width: SCALE * width, height: SCALE * height });
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((made) => canvas.toBlob(made, "image/png"));
}

/**
 * Hands it to the browser's downloads.
 * @param {Drawing} drawing
 * @param {string} kind svg or png
 * @param {string} name without an ending
 */
export async function saveDrawing(drawing, kind, name) {
  const made = kind === "svg" ? new Blob([drawing.text], { type: "image/svg+xml" }) : await painted(drawing);
  if (made) download(made, `${fileName(name)}.${kind}`);
}
