"""Pieces that the figures of the diversity laboratory are put together from: the look of an arm, error bars, headings.

Figures are plain plotly dicts; strings that begin with "--" are CSS variables, resolved in the browser (`figure.js`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from studio.core.files import Json
from studio.library.remedies import REMEDIES
from studio.ui.kit import arms, words

MUTED = "--ink-3"
_REMEDIES = {remedy.name: remedy.arm for remedy in REMEDIES.values()}
MONO = {"size": 11, "color": "--ink-2"}


def slug(arm: str) -> str:
    """The colour an arm of a study has: that of the arm of Compare which it is."""
    if arm in _REMEDIES:
        return _REMEDIES[arm]
    if arm.startswith("teacher"):
        return "teacher-unguided" if "unguided" in arm else "teacher"
    if arm in ("skip-first", "student-first", "student"):
        return arm
    if re.fullmatch(r"[BS]+", arm):
        return _hybrid(arm.count("B"))
    if match := re.match(r"k = (\d+)$", arm):
        return _hybrid(int(match[1]))
    if match := re.match(r"(?:base at step|hybrid-)\s*(\d+)", arm):
        return _hybrid(int(match[1]))
    return "hybrid-1" if arm.startswith(("w = ", "t* = ")) else "other"


def _hybrid(k: int) -> str:
    return arms.look(f"hybrid-{k}").slug if k else "student"


def colour(arm: str) -> str:
    """Its CSS variable."""
    return f"--arm-{slug(arm)}"


def symbol(arm: str) -> str:
    """Its plotly marker, so that nothing depends on telling hues apart."""
    return arms.LOOKS[slug(arm)].marker


def value(measure: words.Measure) -> float | None:
    """Of an interval's dict, or of a number."""
    found = measure.get("value") if isinstance(measure, Mapping) else measure
    return float(found) if isinstance(found, (int, float)) else None


def ends(measure: words.Measure) -> tuple[float, float] | None:
    """Both ends of an interval's dict; None when they are not known."""
    low, high = (measure.get("low"), measure.get("high")) if isinstance(measure, Mapping) else (None, None)
    return (float(low), float(high)) if isinstance(low, (int, float)) and isinstance(high, (int, float)) else None


def bars(measures: Sequence[words.Measure], scale: float = 1.0, tone: str = MUTED, width: float = 1.6) -> Json:
    """Error bars, from intervals."""
    up: list[float | None] = []
    down: list[float | None] = []
    for measure in measures:
        v, pair = value(measure), ends(measure)
        up.append(None if v is None or pair is None else round((pair[1] - v) * scale, 5))
        down.append(None if v is None or pair is None else round((v - pair[0]) * scale, 5))
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": width, "width": 5, "color": tone,
            "visible": any(v is not None for v in up)}  # fmt: skip


def scaled(measures: Sequence[words.Measure], scale: float = 1.0) -> list[float | None]:
    return [None if (v := value(m)) is None else round(v * scale, 5) for m in measures]


def heading(text: str, y: float, x: float = 0.0, axis: str = "paper") -> Json:
    """The title of a panel, above its upper left corner."""
    return {"xref": axis, "x": x, "yref": "paper", "y": y, "xanchor": "left", "yanchor": "bottom", "showarrow": False,
            "font": {"size": 12, "color": "--ink-2"}, "text": text}  # fmt: skip


def figures(row: Json) -> str:
    """Diversity, accuracy and cost of a row, for the pointer: never one without the others."""
    return (
        f"<b>{row['arm']}</b><br>diversity {_both(row.get('diversity'))}<br>accuracy {_both(row.get('accuracy'), True)}"
        f"<br>{words.evaluations(row.get('cost'))} NFE<extra></extra>"
    )


def _both(measure: words.Measure, percent: bool = False) -> str:
    return " ".join(filter(None, words.interval(measure, percent=percent)))


def floor(rows: Sequence[Json], name: str = "accuracy") -> float:
    """Where an axis of per cents begins: a little below the lowest interval."""
    lows = [pair[0] for row in rows if (pair := ends(row.get(name))) is not None]
    lows += [v for row in rows if (v := value(row.get(name))) is not None]
    return max(0.0, 100 * min(lows, default=0.0) - 6)


def layout(height: int, **more: object) -> Json:
    """What every figure of the laboratory has in common."""
    return {
        "height": height, "margin": {"l": 46, "r": 10, "t": 26, "b": 46}, "annotations": [], "shapes": [], "showlegend": False,
        "hoverlabel": {"align": "left"}, "bargap": 0.38, **more,
    }  # fmt: skip
