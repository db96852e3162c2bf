"""What a base step is worth at each position: Shapley values, with its gain alone and last."""

from __future__ import annotations

from studio.core.files import Json
from studio.ui.kit import words as say
from studio.ui.lab.figures import Result, figure_of
from studio.ui.lab.plot import bars, colour, heading, layout, scaled


@figure_of(
    "masks", caption="The bars divide the whole difference between all base and all student among the steps (Shapley values)."
)
def masks(result: Result, narrow: bool) -> Json | None:
    found = result["masks"]
    if not found.get("diversity"):
        return None
    out: Json = {"data": [], "layout": layout(460 if narrow else 420)}
    shown = (("y", "diversity", 1.0), ("y2", "accuracy", 100.0))
    at = [row["position"] + 1 for row in found["diversity"]["positions"]]
    for axis, measure, scale in shown:
        rows = found[measure]["positions"]
        unit = " points" if scale == 100 else ""
        hover = [
            f"<b>step {row['position'] + 1}</b>, {measure}<br>worth {_figure(row['shapley'], scale)}{unit}"
            f"<br>alone {_figure(row['alone'], scale)}, last {_figure(row['last'], scale)}"
            for row in rows
        ]
        out["data"].append({
            "type": "bar", "x": at, "y": scaled([row["shapley"] for row in rows], scale), "yaxis": axis, "width": 0.5,
            "marker": {"color": [colour(f"base at step {i}") for i in at], "opacity": 0.78}, "hovertext": hover,
            "hoverinfo": "text", "error_y": bars([row["shapley"] for row in rows], scale, "--ink-2"),
            "name": "Shapley value", "showlegend": False,
        })  # fmt: skip
        for name, mark, shift in (("alone", "triangle-left-open", -0.36), ("last", "triangle-right-open", 0.36)):
            out["data"].append({
                "type": "scatter", "mode": "markers", "x": [i + shift for i in at], "yaxis": axis, "hoverinfo": "skip",
                "y": scaled([row[name] for row in rows], scale), "marker": {"color": "--ink-2", "symbol": mark, "size": 8},
                "name": {"alone": "gain alone", "last": "gain when all others are base"}[name], "showlegend": axis == "y",
            })  # fmt: skip
    out["layout"] |= {
        "uirevision": "masks", "showlegend": True, "margin": {"l": 52, "r": 10, "t": 44 if narrow else 26, "b": 34},
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.01, "yanchor": "bottom", "font": {"size": 11}}
        | ({"x": 0, "xanchor": "left", "y": 1.06} if narrow else {}),
        "xaxis": {"tickvals": at, "ticktext": [f"step {i}" for i in at], "anchor": "y2", "showgrid": False, "zeroline": False},
        "yaxis": {"domain": [0.5, 1.0], "nticks": 6, "zeroline": True, "zerolinecolor": "--line-2"},
        "yaxis2": {"domain": [0.0, 0.38], "nticks": 5, "zeroline": True, "zerolinecolor": "--line-2", "ticksuffix": " pt"},
    }  # fmt: skip
    out["layout"]["annotations"] += [
        heading("<b>Diversity</b> gained by a base step here", 1.01),
        heading("<b>Accuracy</b> gained, in points", 0.39),
    ]
    return out


def _figure(measure: Json, scale: float) -> str:
    shown = {k: None if (v := measure.get(k)) is None else v * scale for k in ("value", "low", "high")}
    return " ".join(filter(None, say.interval(shown, 0 if scale == 100 else 2)))
