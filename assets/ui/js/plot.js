// A plotly figure updated in place (zoom survives while layout.uirevision stays). Plotly is fetched when the first
// figure arrives, not with the page. Strings that begin with "--" are CSS variables, resolved at drawing time, so
// that a figure follows light and dark by being drawn again.

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

async function draw() {
  const box = element.querySelector(".plot"), value = props.value;
  element.querySelector(".plot-wait").hidden = Boolean(value);
  if (!value) { if (window.Plotly) window.Plotly.purge(box); return; }
  const Plotly = await plotly();
  if (value !== props.value || !element.isConnected) return;
  const figure = resolve(JSON.parse(value)), { layout } = figure;
  Object.assign(layout, {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true,
    font: { family: css("--font"), size: 11.5, color: css("--ink-2") },
  });
  for (const axis of Object.keys(layout).filter((key) => /^[xy]axis/.test(key)))
    layout[axis] = { gridcolor: css("--line"), linecolor: css("--line-2"), tickfont: { family: css("--font-mono"), size: 11 }, fixedrange: axis[0] === "y", ...layout[axis] };
  layout.hoverlabel = { ...layout.hoverlabel, bgcolor: css("--card"), bordercolor: css("--line-2"), font: { family: css("--font"), size: 12, color: css("--ink") } };
  await Plotly.react(box, figure.data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
  element.dataset.ready = "1";
}

draw();
watch("value", draw);
const themes = new MutationObserver(() => (element.isConnected ? draw() : themes.disconnect()));
themes.observe(document.body, { attributes: true, attributeFilter: ["class"] });
