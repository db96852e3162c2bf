"""Maps of diversity and accuracy over the time of the hand-over and the base's steps."""

from __future__ import annotations

from studio.core.files import Json
from studio.ui.kit import words as say
from studio.ui.lab.figures import Result, figure_of
from studio.ui.lab.plot import figures, heading, layout, value


@figure_of(
    "handover",
    caption="Below each figure, its cost. Dotted lines join hand-overs of equal cost; a ring is the most diverse of its cost "
    "that is accurate enough.",
)
def handover(result: Result, narrow: bool) -> Json | None:
    found = result["map"]
    if not found["t_star"]:
        return None
    out: Json = {"data": [], "layout": layout(680 if narrow else 400)}
    xs, ys = list(range(len(found["t_star"]))), list(range(len(found["base_steps"])))
    panels = (("diversity", "--arm-hybrid-1", "<b>Diversity</b>", 1.0), ("accuracy", "--arm-hybrid-4", "<b>Accuracy</b>", 100.0))
    for n, (measure, tone, title, scale) in enumerate(panels):
        axes = {"xaxis": "x" if n == 0 else "x2", "yaxis": "y" if n == 0 else "y2"}
        grid = [[value(cell) for cell in row] for row in found[measure]]
        text = [[_written(v, found["nfe"][r][c], scale) for c, v in enumerate(row)] for r, row in enumerate(grid)]
        hover = [[_cell(found, i, j) for j in xs] for i in ys]
        out["data"].append({
            "type": "heatmap", "x": xs, "y": ys, "z": grid, "text": text, "texttemplate": "%{text}", "hovertext": hover,
            "hoverinfo": "text", "hoverongaps": False, "showscale": False, "xgap": 3, "ygap": 3,
            "colorscale": [[0, "--sunken"], [1, tone]], "textfont": {"color": "--ink", "size": 11}, **axes,
        })  # fmt: skip
        out["data"] += [{**trace, **axes} for trace in _iso(found, best=n == 0)]
        left, top = (0.0, 1.0 if n == 0 else 0.4) if narrow else (0.54 * n, 1.0)
        out["layout"]["annotations"].append(heading(title, top + 0.005, left))
    ticks = {"tickvals": xs, "ticktext": [f"{t:g}" for t in found["t_star"]], "showgrid": False, "zeroline": False}
    rows = {"tickvals": ys, "ticktext": [str(s) for s in found["base_steps"]], "showgrid": False, "zeroline": False}
    across = {"text": "hand-over time t*", "standoff": 6, "font": {"size": 12}}
    up = {"text": "base steps", "standoff": 4, "font": {"size": 12}}
    wide, tall = ([0, 1], [0, 1]) if narrow else ([0, 0.46], [0.54, 1])
    out["layout"] |= {
        "uirevision": "handover",
        "xaxis": ticks | {"domain": wide, "anchor": "y", "title": across},
        "xaxis2": ticks | {"domain": tall, "anchor": "y2", "title": across},
        "yaxis": rows | {"domain": [0.6, 1] if narrow else [0, 1], "title": up},
        "yaxis2": rows | {"domain": [0, 0.4] if narrow else [0, 1], "anchor": "x2", "title": up if narrow else {"text": ""}},
    }
    return out


def _written(v: float | None, nfe: float | None, scale: float) -> str:
    """A cell's figure with its cost below."""
    if v is None:
        return ""
    shown = f"{v:.2f}" if scale == 1 else f"{100 * v:.0f} %"
    return f"{shown}<br><span style='font-size:9px'>{say.evaluations(nfe)} NFE</span>"


def _iso(found: Json, best: bool) -> list[Json]:
    """Lines through the cells of one cost, and a ring around the most diverse cell of each."""
    traces: list[Json] = []
    for row in found["costs"]:
        cells = sorted(row["cells"], key=lambda cell: (cell[1], cell[0]))
        if len(cells) > 1:
            traces.append({
                "type": "scatter", "mode": "lines", "x": [c[1] for c in cells], "y": [c[0] for c in cells],
                "line": {"color": "--ink-2", "width": 1, "dash": "dot"}, "hoverinfo": "skip", "opacity": 0.6,
            })  # fmt: skip
        if best and row.get("best") and len(cells) > 1:
            i, j = row["best"]["cell"]
            ring = {"symbol": "circle-open", "size": 40, "color": "--ink", "line": {"width": 1.6, "color": "--ink"}}
            traces.append({"type": "scatter", "mode": "markers", "x": [j], "y": [i], "marker": ring, "hoverinfo": "skip"})
    return traces


def _cell(found: Json, i: int, j: int) -> str:
    if found["arm"][i][j] is None:
        return "not possible"
    row = {"arm": found["arm"][i][j], "diversity": found["diversity"][i][j], "accuracy": found["accuracy"][i][j],
           "cost": found["nfe"][i][j]}  # fmt: skip
    return figures(row).replace("<extra></extra>", "")
