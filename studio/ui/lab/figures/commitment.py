"""When is each factor decided? The share of samples that show their final value, over the arm's steps."""

from __future__ import annotations

from collections.abc import Sequence

from studio.core.files import Json
from studio.ui.lab.figures import Result, figure_of
from studio.ui.lab.panels import MOST, Grid, legend, title
from studio.ui.lab.plot import colour, ends, scaled, symbol, value


@figure_of(
    "commitment",
    caption="Share of samples whose x̂₀ already shows what they end with, over the arm's own steps. The mark is the median "
    "commit step; dotted, how often two samples of the arm agree by chance.",
)
def commitment(result: Result, narrow: bool) -> Json | None:
    """Share of samples that already show their final value, over each arm's own steps; the distance to the end first."""
    arms = result.get("timelines") or {}
    if not arms:
        return None
    names = list(next(iter(arms.values()))["factors"])[: MOST - 1]
    grid = Grid(len(names) + 1, narrow)
    out: Json = {"data": [], "layout": grid.layout()}
    for i, name in enumerate(["", *names]):
        for arm, found in arms.items():
            x = [100 * step["fraction"] for step in found["steps"]]
            part = found["factors"][name] if name else found["distance"]
            y = scaled(part["equal"], 100) if name else scaled([row["q50"] for row in part["curve"]], 100)
            dense, tone = len(x) > 12, colour(arm)
            what = f"{title(name).lower()} as in the end" if name else "of the typical distance left"
            out["data"].append({
                "type": "scatter", "mode": "lines" if dense else "lines+markers", "x": x, "y": y, "name": legend(arm),
                "legendgroup": arm, "showlegend": i == 0, "line": {"color": tone, "width": 1.8},
                "marker": {"color": tone, "size": 5, "symbol": symbol(arm)}, "cliponaxis": False,
                "hovertemplate": f"<b>{arm}</b> at %{{x:.0f}} % of its steps<br>%{{y:.0f}} % {what}<extra></extra>",
                **grid.axes(i),
            })  # fmt: skip
            if name and any(c is not None for c in part["chance"]):
                out["data"].append({"type": "scatter", "mode": "lines", "x": x, "hoverinfo": "skip", "showlegend": False,
                                    "legendgroup": arm, "y": [None if c is None else 100 * c for c in part["chance"]],
                                    "line": {"color": tone, "width": 1, "dash": "dot"}, "opacity": 0.55,
                                    **grid.axes(i)})  # fmt: skip
            out["data"] += _committed(part["commit"], x, y, arm, grid.axes(i))
    grid.finish(out["layout"], ["Distance to the end", *(title(n) for n in names)], "share of the arm's steps",
                {"range": [0, 103], "tickvals": [0, 50, 100], "ticktext": ["0", "50 %", "100 %"]})  # fmt: skip
    return out


def _committed(commit: Json, x: Sequence[float], y: Sequence[float | None], arm: str, axes: Json) -> list[Json]:
    """The median commit step, on the curve."""
    median = commit["fraction"]["q50"]
    at = value(median)
    if at is None:
        return []
    nearest = min(range(len(x)), key=lambda i: abs(x[i] - 100 * at))
    pair = ends(median)
    reach = f" [{100 * pair[0]:.0f}–{100 * pair[1]:.0f}]" if pair else ""
    tone = colour(arm)
    return [{
        "type": "scatter", "mode": "markers", "x": [x[nearest]], "y": [y[nearest]], "showlegend": False, "legendgroup": arm,
        "marker": {"color": "--card", "symbol": symbol(arm), "size": 10, "line": {"color": tone, "width": 2}},
        "cliponaxis": False,
        "hovertemplate": f"<b>{arm}</b>: half of the samples are committed<br>after {100 * at:.0f} %{reach} of its steps"
                         "<extra></extra>", **axes,
    }]  # fmt: skip
