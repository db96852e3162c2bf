// One figure, as tall as its card. value = plotly figure as JSON text. Needs figure.js before it.
async function draw() {
  element.querySelector(".plot-wait").hidden = Boolean(props.value);
  if (await drawFigure(element.querySelector(".plot"), props.value, () => props.value)) element.dataset.ready = "1";
}

draw();
watch("value", draw);
followTheme(draw);
