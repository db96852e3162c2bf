// Plotly figures updated in place (zoom survives while layout.uirevision stays). Plotly is fetched when the first
// figure arrives, not with the page. Strings that begin with "--" are CSS variables, resolved at drawing time, so
// that a figure follows light and dark by being drawn again. Put before scripts that draw figures.

const css = (name) => getComputedStyle(element).getPropertyValue(name).trim();
const resolve = (x) =>
  typeof x === "string" ? (x.startsWith("--") ? css(x) : x)
    : Array.isArray(x) ? x.map(resolve)
      : x && typeof x === "object" ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, resolve(v)])) : x;

function plotly() {
  window.studioPlotly ??= new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = "ui/plotly.min.js";
    script.onload = () => done(window.Plotly);
    script.onerror = () => fail(new Error("plotly.js could not be loaded"));
    document.head.append(script);
  });
  return window.studioPlotly;
}

// Draws a figure (JSON text) into `box` while `current()` still gives the same text; nothing clears the box.
async function drawFigure(box, text, current) {
  if (!text) { if (window.Plotly) window.Plotly.purge(box); return false; }
  const Plotly = await plotly();
  if (text !== current() || !element.isConnected) return false;
  const figure = resolve(JSON.parse(text)), { layout } = figure;
  Object.assign(layout, {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true,
    font: { family: css("--font"), size: 11.5, color: css("--ink-2") },
  });
  for (const axis of Object.keys(layout).filter((key) => /^[xy]axis/.test(key)))
    layout[axis] = { gridcolor: css("--line"), linecolor: css("--line-2"), tickfont: { family: css("--font-mono"), size: 11 }, fixedrange: axis[0] === "y", ...layout[axis] };
  layout.hoverlabel = { ...layout.hoverlabel, bgcolor: css("--card"), bordercolor: css("--line-2"), font: { family: css("--font"), size: 12, color: css("--ink") } };
  await Plotly.react(box, figure.data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
  return true;
}

// Calls `redraw` when the page turns light or dark, for as long as the component is there.
function followTheme(redraw) {
  const themes = new MutationObserver(() => (element.isConnected ? redraw() : themes.disconnect()));
  themes.observe(document.body, { attributes: true, attributeFilter: ["class"] });
}

