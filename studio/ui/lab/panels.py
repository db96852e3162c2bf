"""Small panels, one a factor: when is it decided? Fork test and commitment, with an area or a curve for every arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from studio.core.files import Json
from studio.ui.kit import words
from studio.ui.lab.plot import MUTED, bars, colour, ends, layout, scaled, slug, symbol, value

ROW_PX, TOP_PX, BOTTOM_PX, HEAD_PX = 132, 44, 42, 24
NAMES = {"color": "colour", "time": "time of day", "": "all factors"}
MOST = 17  # panels
FILLED = ("teacher", "student")  # arms with an area; a third one as a line, so that all can be seen


def title(factor: str) -> str:
    """A factor as a person says it."""
    return NAMES.get(factor, factor.replace("_", " ")).capitalize()


def forks(result: Mapping[str, Any], narrow: bool) -> Json | None:
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
                     "hovertemplate": "%{text}<extra></extra>", "name": _legend(arm), "legendgroup": arm,
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


def commitment(result: Mapping[str, Any], narrow: bool) -> Json | None:
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
                "type": "scatter", "mode": "lines" if dense else "lines+markers", "x": x, "y": y, "name": _legend(arm),
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


def _legend(arm: str) -> str:
    return arm[:1].upper() + arm[1:]


def _shared(lists: Sequence[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(name for names in lists for name in names))


class Grid:
    """n panels in rows, wide enough to be read; all share ranges, so that they can be compared at a glance."""

    def __init__(self, n: int, narrow: bool):
        self.n, self.columns = n, 2 if narrow else min(4, n)
        self.rows = -(-n // self.columns)
        self.height = TOP_PX + BOTTOM_PX + self.rows * (ROW_PX + HEAD_PX)

    def axes(self, i: int) -> Json:
        tail = "" if i == 0 else str(i + 1)
        return {"xaxis": f"x{tail}", "yaxis": f"y{tail}"}

    def layout(self) -> Json:
        return layout(self.height, margin={"l": 46, "r": 10, "t": TOP_PX, "b": BOTTOM_PX})

    def finish(self, drawn: Json, titles: Sequence[str], across: str, x: Json) -> None:
        """Place the panels, name them, and name what is across."""
        inner = self.rows * (ROW_PX + HEAD_PX)
        gap = 0.05 if self.columns > 2 else 0.1
        width = (1 - gap * (self.columns - 1)) / self.columns
        for i in range(self.n):
            row, column = divmod(i, self.columns)
            top = 1 - (row * (ROW_PX + HEAD_PX) + HEAD_PX) / inner
            left = column * (width + gap)
            tail = "" if i == 0 else str(i + 1)
            last = i + self.columns >= self.n
            drawn[f"xaxis{tail}"] = {**x, "domain": [left, left + width], "anchor": f"y{tail}", "zeroline": False,
                                     "showticklabels": last}  # fmt: skip
            bottom = max(0.0, top - (ROW_PX - 14) / inner)
            drawn[f"yaxis{tail}"] = {
                "domain": [bottom, top], "anchor": f"x{tail}", "zeroline": False, "range": [-4, 104], "tickvals": [0, 50, 100],
                "ticktext": ["0", "50 %", "100 %"], "showticklabels": column == 0,
            }  # fmt: skip
            drawn["annotations"].append({
                "xref": "paper", "yref": "paper", "x": left, "y": top, "yshift": 2, "xanchor": "left", "yanchor": "bottom",
                "showarrow": False, "text": f"<b>{titles[i]}</b>" if i == 0 else titles[i],
                "font": {"size": 12, "color": "--ink-2"},
            })  # fmt: skip
        drawn["annotations"].append({
            "xref": "paper", "yref": "paper", "x": 0.5, "y": 0, "yshift": -BOTTOM_PX + 2, "yanchor": "bottom",
            "showarrow": False, "text": across, "font": {"size": 12, "color": MUTED},
        })  # fmt: skip
        drawn |= {"uirevision": "panels", "showlegend": True,
                  "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "yref": "paper",
                             "font": {"size": 12}, "itemclick": "toggle"}}  # fmt: skip
        drawn["legend"]["y"] = 1 + 4 / max(inner, 1)
