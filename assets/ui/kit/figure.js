// Plotly figures updated in place (zoom survives while layout.uirevision stays). Plotly is fetched when the first figure
// arrives, not with the page. Strings that begin with "--" are CSS variables, resolved at drawing time, so that a figure follows
// light and dark by being drawn again.

/** @typedef {{ data: object[], layout: Record<string, object> }} Figure */
/** @typedef {{ points: { data: { customdata?: string[] } }[] }} Click */
/** @typedef {(event: string, use: (event: Click) => void) => void} Listen */
/** @typedef {HTMLElement & { on?: Listen, removeAllListeners?: (event: string) => void }} Plot */
/**
 * @typedef {object} Plotly
 * @property {(box: HTMLElement) => void} purge
 * @property {(box: HTMLElement, data: object[], layout: object, config: object) => Promise<unknown>} react
 * @property {(figure: object, options: object) => Promise<string>} toImage a data address
 */

/** @type {Promise<Plotly> | null} */
let loading = null;

/** @returns {Plotly | undefined} */
const loaded = () => Reflect.get(globalThis, "Plotly");

function plotly() {
  loading ??= new Promise((found, fail) => {
    const script = document.createElement("script");
    script.src = "ui/plotly.min.js";
    script.onload = () => found(/** @type {Plotly} */ (loaded()));
    script.onerror = () => fail(new Error("plotly.js could not be loaded"));
    document.head.append(script);
  });
  return loading;
}

/**
 * The value of a CSS variable where this element stands.
 * @param {Element} element
 * @param {string} name
 */
export const css = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

/**
 * A figure with its CSS variables replaced by what `value` says of them.
 * @param {unknown} found as JSON gives it
 * @param {(name: string) => string} value
 * @returns {unknown}
 */
export function resolved(found, value) {
  if (typeof found === "string") return found.startsWith("--") ? value(found) : found;
  if (Array.isArray(found)) return found.map((one) => resolved(one, value));
  if (found === null || typeof found !== "object") return found;
  return Object.fromEntries(Object.entries(found).map(([name, one]) => [name, resolved(one, value)]));
}

/**
 * Draws a figure (JSON text) into `box` while `current()` still gives the same text; nothing clears the box.
 * @param {HTMLElement} box
 * @param {string | null | undefined} text
 * @param {() => string | null | undefined} current
 */
export async function drawFigure(box, text, current) {
  if (!text) {
    loaded()?.purge(box);
    return false;
  }
  const library = await plotly();
  if (text !== current() || !box.isConnected) return false;
  /** @param {string} name */
  const value = (name) => css(box, name);
  const { data, layout } = /** @type {Figure} */ (resolved(JSON.parse(text), value));
  const axes = Object.entries(layout).filter(([key]) => /^[xy]axis/.test(key)).map(([key, axis]) => [key, {
    gridcolor: value("--line"), linecolor: value("--line-2"), tickfont: { family: value("--font-mono"), size: 11 },
    fixedrange: key[0] === "y", ...axis,
  }]);
  await library.react(box, data, {
    ...layout, ...Object.fromEntries(axes), paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true,
    font: { family: value("--font"), size: 11.5, color: value("--ink-2") },
    hoverlabel: {
      ...layout.hoverlabel, bgcolor: value("--card"), bordercolor: value("--line-2"),
      font: { family: value("--font"), size: 12, color: value("--ink") },
    },
  }, { responsive: true, displaylogo: false, displayModeBar: false });
  return true;
}

/**
 * A figure that is drawn, as a PNG on the colour of its card; null where none is.
 * @param {HTMLElement} box
 * @returns {Promise<Blob | null>}
 */
export async function plotPicture(box) {
  const library = loaded(), drawn = /** @type {HTMLElement & Partial<Figure>} */ (box);
  if (!library || !drawn.data || !drawn.layout) return null;
  const card = css(box, "--card"), layout = { ...drawn.layout, paper_bgcolor: card, plot_bgcolor: card };
  const size = { width: box.clientWidth, height: box.clientHeight, scale: 2, format: "png" };
  const address = await library.toImage({ data: drawn.data, layout }, size);
  return (await fetch(address)).blob();
}

/**
 * A figure that is drawn, as an SVG that stands alone on the colour of its card; null where none is.
 * @param {HTMLElement} box
 * @returns {Promise<import("./drawing.js").Drawing | null>}
 */
export async function plotDrawing(box) {
  const library = loaded(), drawn = /** @type {HTMLElement & Partial<Figure>} */ (box);
  if (!library || !drawn.data || !drawn.layout) return null;
  const card = css(box, "--card"), layout = { ...drawn.layout, paper_bgcolor: card, plot_bgcolor: card };
  const size = { width: box.clientWidth || 640, height: box.clientHeight || 400 };
  const address = await library.toImage({ data: drawn.data, layout }, { ...size, format: "svg" });
  return { text: decodeURIComponent(address.slice(address.indexOf(",") + 1)), ...size };
}

/**
 * Calls `redraw` when the page turns light or dark, for as long as the component is there.
 * @param {Element} element
 * @param {() => void} redraw
 */
export function followTheme(element, redraw) {
  const themes = new MutationObserver(() => (element.isConnected ? redraw() : themes.disconnect()));
  themes.observe(document.body, { attributes: true, attributeFilter: ["class"] });
}
