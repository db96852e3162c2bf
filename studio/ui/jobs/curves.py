"""Figures of a training run as plain plotly figures: losses, raw and smoothed, and what the student was worth on the way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

from studio.core.files import Json
from studio.ui.jobs.view import JobView
from studio.ui.kit import words

SHOWN = 500  # points of a curve that are sent to the browser
COLORS = {"student": "--arm-student", "personal": "--arm-student", "fake": "--arm-skip-first", "head": "--arm-hybrid-2"}
NAMES = {"student": "Student", "personal": "Subject", "fake": "Fake score", "head": "Discriminator"}
DASHES = ("solid", "dash", "dot", "dashdot")
SURROGATE = "a surrogate, no measure"
T = TypeVar("T")


def caution(family: str, objective: str = "") -> str:
    """How this family's losses may be read; "" where a falling loss means what one thinks."""
    if family == "distribution":
        return (
            "The student's loss is a surrogate: its gradient is the one that is wanted, its value is no measure of anything. "
            "Judge by the pictures and the figures; the fake score's loss should stay level."
        )
    if objective == "ladd":
        return "Adversarial losses balance each other: neither falling is progress. Judge by the pictures and the figures."
    return ""


def thinned(points: Sequence[T], most: int = SHOWN) -> list[T]:
    """At most about `most` points, the first and the last among them."""
    stride = max(1, -(-len(points) // most))
    kept = list(points[::stride])
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


def losses(rows: Sequence[Json]) -> list[str]:
    """Networks that have a loss at two steps or more, the student first."""
    count = Counter(name for row in rows for name in row["losses"])
    return sorted((name for name, n in count.items() if n > 1), key=lambda name: (name != "student", name))


def loss_figure(view: JobView, family: str = "") -> str | None:
    """One panel a network: the raw loss, faint, below the smoothed one. None until there are two points."""
    names = losses(view.rows)
    if not names:
        return None
    data: list[Json] = []
    layout = _layout("step")
    for (name, axis, top), domain in zip(_axes(names), _domains(len(names)), strict=True):
        rows, color = thinned([row for row in view.rows if name in row["losses"]]), COLORS.get(name, "--ink-2")
        steps, raw = [row["step"] for row in rows], [row["losses"][name] for row in rows]
        line = {"type": "scatter", "mode": "lines", "x": steps, "yaxis": axis.replace("axis", ""), "name": name}
        data.append(line | {"y": raw, "opacity": 0.3, "hoverinfo": "skip", "line": {"color": color, "width": 1}})
        hover, smooth = "step %{x:,}<br>%{y:.4g} smoothed<extra></extra>", [row.get("smooth", {}).get(name) for row in rows]
        data.append(line | {"y": smooth, "hovertemplate": hover, "line": {"color": color, "width": 2}})
        layout[axis] = {"domain": domain, "nticks": 5, "zeroline": False, "tickformat": ".3~g"}
        meant = f", {SURROGATE}" if name == "student" and family == "distribution" else ", mean of the batch"
        layout["annotations"].append(_heading(f"<b>{NAMES.get(name, name.capitalize())}</b>{meant}", top))
    layout["xaxis"]["anchor"] = "y" if len(names) == 1 else f"y{len(names)}"
    layout["uirevision"] = "loss"
    return json.dumps({"data": data, "layout": layout}, separators=(",", ":"))


def measures_figure(view: JobView) -> str | None:
    """Accuracy, diversity and FD-oracle over training, a line a step count, the teacher dotted. None before the first."""
    if not view.measures:
        return None
    panels = (
        ("accuracy", "<b>Accuracy</b> of what the prompt states", 100.0),
        ("diversity", "<b>Diversity</b> of what it leaves free", 1.0),
        ("fd_oracle", "<b>FD-oracle</b>, lower is closer to the world", 1.0),
    )
    data: list[Json] = []
    layout = _layout("training step")
    domains = _domains(3)
    for (key, heading, scale), (_, axis, top), domain in zip(panels, _axes([p[0] for p in panels]), domains, strict=True):
        short = axis.replace("axis", "")
        for (n, rows), dash in zip(sorted(view.measures.items(), reverse=True), DASHES, strict=False):
            data.append(_measured(n, rows, key, scale, dash) | {"yaxis": short, "showlegend": key == "accuracy"})
        suffix = " %" if scale == 100 else ""
        layout[axis] = {"domain": domain, "nticks": 4, "zeroline": False, "ticksuffix": suffix, "rangemode": "tozero"}
        layout["annotations"].append(_heading(heading, top))
        for found, width in ((view.teacher_measures, 2.0), *((few, 1.0) for few in view.teacher_few.values())):
            teacher = _value((found or {}).get(key))
            if teacher is not None:
                y = teacher * scale
                layout["shapes"].append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": short, "y0": y, "y1": y,
                                         "line": {"color": "--arm-teacher", "width": width, "dash": "dot"}})  # fmt: skip
    layout["xaxis"]["anchor"] = "y3"
    layout["uirevision"] = "measures"
    layout["showlegend"] = len(view.measures) > 1
    layout["legend"] = {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.12, "font": {"size": 11}}
    return json.dumps({"data": data, "layout": layout}, separators=(",", ":"))


def _measured(n: int, rows: Mapping[int, Json], key: str, scale: float, dash: str) -> Json:
    steps = sorted(rows)
    values = [_value(rows[s].get(key)) for s in steps]
    trace: Json = {
        "type": "scatter", "mode": "lines+markers", "x": steps, "y": [None if v is None else v * scale for v in values],
        "name": words.count(n, "step"), "legendgroup": str(n), "line": {"color": "--arm-student", "width": 2, "dash": dash},
        "marker": {"color": "--arm-student", "size": 6, "symbol": "square"}, "cliponaxis": False,
        "hovertemplate": f"step %{{x:,}}, sampled in {n}<br>%{{y:.3g}}<extra></extra>",
    }  # fmt: skip
    ends = [_ends(rows[s].get(key)) for s in steps]
    if any(end is not None for end in ends):
        up = [0 if e is None or v is None else (e[1] - v) * scale for e, v in zip(ends, values, strict=True)]
        down = [0 if e is None or v is None else (v - e[0]) * scale for e, v in zip(ends, values, strict=True)]
        trace["error_y"] = {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.2, "width": 3,
                            "color": "--arm-student"}  # fmt: skip
    return trace


def _value(measure: words.Measure) -> float | None:
    value = measure.get("value") if isinstance(measure, Mapping) else measure
    return float(value) if isinstance(value, (int, float)) else None


def _ends(measure: words.Measure) -> tuple[float, float] | None:
    low, high = (measure.get("low"), measure.get("high")) if isinstance(measure, Mapping) else (None, None)
    return (float(low), float(high)) if isinstance(low, (int, float)) and isinstance(high, (int, float)) else None


def _domains(n: int) -> list[list[float]]:
    """Panels below each other, from the top, with room for a heading above each."""
    gap = 0.14 if n > 1 else 0.0
    height = (1 - gap * (n - 1)) / n
    return [[round(1 - i * (height + gap) - height, 3), round(1 - i * (height + gap), 3)] for i in range(n)]


def _axes(names: Sequence[str]) -> list[tuple[str, str, float]]:
    """(name, key of its y axis, top of its panel)."""
    tops = [top for _, top in _domains(len(names))]
    return [(name, "yaxis" if i == 0 else f"yaxis{i + 1}", tops[i]) for i, name in enumerate(names)]


def _heading(text: str, y: float) -> Json:
    return {"xref": "paper", "x": 0, "yref": "paper", "y": y + 0.01, "xanchor": "left", "yanchor": "bottom", "showarrow": False,
            "font": {"size": 12, "color": "--ink-2"}, "text": text}  # fmt: skip


def _layout(x: str) -> Json:
    return {
        "margin": {"l": 46, "r": 10, "t": 26, "b": 40}, "annotations": [], "shapes": [], "showlegend": False,
        "xaxis": {"title": {"text": x, "standoff": 6, "font": {"size": 12}}, "zeroline": False, "tickformat": ",d", "nticks": 7},
        "hoverlabel": {"align": "left"},
    }  # fmt: skip
