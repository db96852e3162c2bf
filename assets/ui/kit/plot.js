// One figure, as tall as its card. value = plotly figure as JSON text.
import { drawFigure, followTheme } from "./figure.js";
import { Part } from "./part.js";

/** @param {import("./part.js").Host<string>} host */
export function mount(host) {
  const part = new Part(host);
  const draw = async () => {
    part.$(".plot-wait").hidden = Boolean(part.value);
    if (await drawFigure(part.$(".plot"), part.value, () => part.value)) part.element.dataset.ready = "1";
  };
  part.follow(draw);
  followTheme(part.element, draw);
}
