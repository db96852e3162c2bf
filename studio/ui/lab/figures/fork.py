"""When is each factor decided? The share that a state decides, over its noise level."""

from __future__ import annotations

from collections.abc import Sequence

from studio.core.files import Json
from studio.ui.kit import words
from studio.ui.lab.figures import Result, figure_of
from studio.ui.lab.panels import MOST, Grid, legend, title
from studio.ui.lab.plot import bars, colour, scaled, slug, symbol

FILLED = ("teacher", "student")  # arms with an area; a third one as a line, so that all can be seen


@figure_of(
    "fork",
    caption="Filled: the share of what varies that the state already decides. What is left above stays open to later noise. "
    "Noise falls to the right; marks have 95 % intervals.",
)
def forks(result: Result, narrow: bool) -> Json | None:
    """Share of the variance that is decided, over the noise level of the state; all factors together first."""
    series = result.get("forks") or {}
    names = _shared([[n for n, c in s["factors"].items() if c.get("fitted")] for s in series.values()])
    shown = [("all factors", {arm: s.get("all") for arm, s in series.items()})]
    shown += [(n, {arm: s["factors"].get(n) for arm, s in series.items()}) for n in names]
    features = {arm: s.get("features") for arm, s in series.items()}
    shown.append(("features", features))
    shown = [(n, curves) for n, curves in shown if any(c and c.get("fitted") for c in curves.values())][:MOST]
    if not shown:
        return None
    grid = Grid(len(shown), narrow)
    out: Json = {"data": [], "layout": grid.layout()}
    for i, (name, curves) in enumerate(shown):
        for arm, curve in curves.items():
            if not curve or not curve.get("fitted"):
                continue
            steps = series[arm]["steps"]
            x = [step["level"] for step in steps]
            hover = [
                f"<b>{arm}</b>, {title(name).lower()}<br>after {words.count(step['after'], 'step')} "
                f"{' '.join(filter(None, words.interval(share, percent=True)))} decided"
                for step, share in zip(steps, curve["share"], strict=True)
            ]
            area: Json = {"type": "scatter", "mode": "lines", "x": x, "y": [100 * v for v in curve["fitted"]],
                          "line": {"color": colour(arm), "width": 1.8}, "hoverinfo": "skip", "legendgroup": arm,
                          "showlegend": False, **grid.axes(i)}  # fmt: skip
            if arm in FILLED:
                area |= {"fill": "tozeroy", "fillcolor": f"--area-{slug(arm)}"}  # set where it is drawn (lab_result.js)
            marks = {"type": "scatter", "mode": "markers", "x": x, "y": scaled(curve["share"], 100), "text": hover,
                     "hovertemplate": "%{text}<extra></extra>", "name": legend(arm), "legendgroup": arm,
                     "marker": {"color": colour(arm), "symbol": symbol(arm), "size": 6}, "showlegend": i == 0,
                     **grid.axes(i)}  # fmt: skip
            if name in ("all factors", "features"):  # single factors have wide ones; the table shows them
                marks["error_y"] = bars(curve["share"], 100, colour(arm), 1.0)
            out["data"] += [area, marks]
    levels = [s["level"] for one in series.values() for s in one["steps"] if s["level"]]
    grid.finish(out["layout"], [title(n) for n, _ in shown], "noise level σ/α of the state",
                {"type": "log", "autorange": "reversed", "tickvals": _ticks(levels), "ticktext": _ticks(levels)})  # fmt: skip
    return out


def _ticks(levels: Sequence[float]) -> list[float]:
    return [t for t in (0.1, 0.3, 1, 3, 10, 30) if min(levels, default=1) / 1.3 <= t <= max(levels, default=1) * 1.3]


def _shared(lists: Sequence[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(name for names in lists for name in names))
