"""The Pareto front with uncertainty: which points are surely beaten, which surely are not, and which nobody can tell.

A point is dominated when another is nowhere worse and somewhere better. With intervals there are three answers, not
two. Plain Python, no torch: services may import it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from studio.core.files import Json
from studio.metrics.margins import ACCURACY_MARGIN

Better = Literal["up", "down"]
Status = Literal["front", "dominated", "undecided", "unknown"]

AXES: dict[str, Better] = {"diversity": "up", "accuracy": "up", "nfe": "down"}
MARGINS = {"accuracy": ACCURACY_MARGIN}
_Range = tuple[float, float, float]  # low, value, high of a difference, in the direction that is better


def front(
    points: Sequence[Mapping[str, Any]],
    axes: Mapping[str, Better] = AXES,
    margins: Mapping[str, float] | None = None,
) -> list[Json]:
    """One row a point, in the order given: {name, status, best_guess, dominated_by, challenged_by, note}.

    Args:
        points: each with a `name` and, for every axis, a number (exact), an `Interval`, its dict, or an `Estimate`.
            Two estimates are compared by their paired bootstrap draws, anything else by whether intervals touch, which
            is stricter.
        axes: axis -> "up" (more is better) or "down".
        margins: by axis, differences up to this count as none; by default five points of accuracy.

    status: "dominated" = some point surely dominates it; "front" = surely none does; "undecided" = the intervals allow
    both; "unknown" = a value is missing on some axis (it neither dominates nor is dominated). `dominated_by`: who surely
    does; `challenged_by`: who perhaps does; `best_guess`: on the front if the values were exact. Every comparison is at
    its own 95 %: among many points some are called wrongly.
    """
    margin = {axis: (MARGINS if margins is None else margins).get(axis, 0.0) for axis in axes}
    if not axes or any(way not in ("up", "down") for way in axes.values()):
        raise ValueError(f"axes {dict(axes)} do not fit; give at least one, each 'up' or 'down'.")
    if any(not m >= 0 for m in margin.values()):
        raise ValueError(f"margins {margin} do not fit; none may be below 0.")
    names = [str(p.get("name", i)) for i, p in enumerate(points)]
    if len(set(names)) < len(names):
        twice = sorted({n for n in names if names.count(n) > 1})
        raise ValueError(f"Points share the name {', '.join(twice)}; give each its own.")
    missing = [[axis for axis in axes if _value(p.get(axis)) is None] for p in points]
    rows: list[Json] = []
    for i, p in enumerate(points):
        row: Json = {"name": names[i], "status": "unknown", "best_guess": False, "dominated_by": []}
        row |= {"challenged_by": [], "note": f"no figure for {', '.join(missing[i])}" if missing[i] else ""}
        rows.append(row)
        if missing[i]:
            continue
        guess = True
        for j, q in enumerate(points):
            if i == j or missing[j]:
                continue
            gaps = {axis: _gap(q[axis], p[axis], way) for axis, way in axes.items()}
            if _dominates({a: (v, v, v) for a, (_, v, _) in gaps.items()}, margin):
                guess = False
            if _dominates(gaps, margin):
                row["dominated_by"].append(names[j])
            elif not _cannot(gaps, margin):
                row["challenged_by"].append(names[j])
        status: Status = "dominated" if row["dominated_by"] else "undecided" if row["challenged_by"] else "front"
        row |= {"status": status, "best_guess": guess}
    return rows


def _dominates(gaps: Mapping[str, _Range], margin: Mapping[str, float]) -> bool:
    """Surely nowhere worse by more than the margin, and surely better by more than it somewhere."""
    nowhere_worse = all(low >= -margin[a] - 1e-12 for a, (low, _, _) in gaps.items())
    return nowhere_worse and any(low > margin[a] + 1e-12 for a, (low, _, _) in gaps.items())


def _cannot(gaps: Mapping[str, _Range], margin: Mapping[str, float]) -> bool:
    """Surely worse by more than the margin somewhere, or surely better by more than it nowhere."""
    worse = any(high < -margin[a] - 1e-12 for a, (_, _, high) in gaps.items())
    return worse or all(high <= margin[a] + 1e-12 for a, (_, _, high) in gaps.items())


def _gap(q: Any, p: Any, way: Better) -> _Range:
    """How much better q is than p: (low, value, high); ±inf where an end is unknown."""
    if hasattr(q, "draws") and hasattr(p, "draws"):
        low, value, high = _ends((q - p).interval())
    else:
        (q_low, q_value, q_high), (p_low, p_value, p_high) = _ends(q), _ends(p)
        low, value, high = q_low - p_high, q_value - p_value, q_high - p_low
    return (low, value, high) if way == "up" else (-high, -value, -low)


def _value(x: Any) -> float | None:
    """The value of a number, an interval (object or dict) or an estimate; None where there is none."""
    if isinstance(x, Mapping):
        x = x.get("value")
    elif x is not None and hasattr(x, "value"):
        x = x.value
    return float(x) if isinstance(x, int | float) and math.isfinite(x) else None


def _ends(x: Any) -> _Range:
    value = _value(x)
    assert value is not None
    if hasattr(x, "draws"):
        x = x.interval()
    if isinstance(x, int | float):
        return value, value, value
    low, high = (x.get("low"), x.get("high")) if isinstance(x, Mapping) else (x.low, x.high)
    return (-math.inf if low is None else float(low)), value, (math.inf if high is None else float(high))
