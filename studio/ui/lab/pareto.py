"""Arms as points, accuracy across and diversity up, with intervals both ways, cost beside the name, and the front filled."""

from __future__ import annotations

from collections.abc import Sequence

from studio.core.files import Json
from studio.ui.kit import plot_key, words
from studio.ui.lab.plot import bars, colour, ends, figures, floor, heading, layout, symbol, value

WIDE_PX, NARROW_PX, TALL_PX = 900.0, 280.0, 400.0  # of the plotting area, about: names are placed for these
LETTER_PX, LINE_PX = 6.6, 15.0
ON = ("front", "undecided")
UP_AND_RIGHT = (
    "Up and to the right is better; in brackets, NFE. Filled: no other arm surely beats it in diversity, accuracy and NFE."
)


def pareto(rows: Sequence[Json], front: Sequence[Json], narrow: bool, path: Sequence[str] = ()) -> Json | None:
    """`front`: rows of `metrics.pareto.front`; `path`: arms joined by a line, in this order."""
    drawn = [r for r in rows if value(r.get("diversity")) is not None and value(r.get("accuracy")) is not None]
    if not drawn:
        return None
    status = {row["name"]: row for row in front}
    low, high = _range([r["diversity"] for r in drawn])
    left = floor(drawn)
    sides = _sides(drawn, (left, 102.0), (low, high), narrow)
    out: Json = {"data": [], "layout": layout(460 if narrow else 480)}
    if path:
        on = [r for name in path for r in drawn if r["arm"] == name]
        out["data"].append({"type": "scatter", "mode": "lines", "x": [100 * r["accuracy"]["value"] for r in on],
                            "y": [r["diversity"]["value"] for r in on], "hoverinfo": "skip",
                            "line": {"color": "--line-2", "width": 2}})  # fmt: skip
    points = [_point(row, status.get(row["arm"], {}), side) for row, side in zip(drawn, sides, strict=True)]
    out["data"] += points
    title = {"text": "accuracy of what the prompt states", "standoff": 8, "font": {"size": 12}}
    out["layout"] |= {
        "uirevision": "pareto", "margin": {"l": 46, "r": 12, "t": 26, "b": 44},
        "xaxis": {"range": [left, 102], "ticksuffix": " %", "title": title, "zeroline": False},
        "yaxis": {"range": [low, high], "zeroline": False, "nticks": 7},
    }  # fmt: skip
    said = "<b>Diversity</b> of what the prompt leaves free" + ("" if narrow else " · in brackets, cost in NFE")
    out["layout"]["annotations"].append(heading(said, 1.01))
    left_out = [(point, _name(row)) for point, row, side in zip(points, drawn, sides, strict=True) if not side]
    plot_key.add(out["data"], out["layout"], left_out)
    return out


def _point(row: Json, found: Json, side: str) -> Json:
    tone, mark = colour(row["arm"]), symbol(row["arm"]).removesuffix("-open")
    on = found.get("status", "front") in ON
    said = {"front": "on the front", "undecided": "perhaps on the front", "unknown": "not comparable"}.get(
        str(found.get("status")), f"surely beaten by {', '.join(found.get('dominated_by', [])[:3])}")  # fmt: skip
    about = figures(row).replace("<extra></extra>", f"<br>{said}<extra></extra>") if found else figures(row)
    trace: Json = {
        "type": "scatter", "mode": "markers", "x": [100 * row["accuracy"]["value"]], "y": [row["diversity"]["value"]],
        "marker": {"color": tone, "symbol": mark if on else f"{mark}-open", "size": 11 if mark != "x" else 10,
                   "line": {"color": tone, "width": 1.6}},
        "error_x": bars([row["accuracy"]], 100, tone, 1.0) | {"width": 0},
        "error_y": bars([row["diversity"]], 1, tone, 1.0) | {"width": 0},
        "hovertemplate": about, "cliponaxis": False, "name": row["arm"],
    }  # fmt: skip
    if side:
        trace |= {"mode": "markers+text", "text": [f" {_name(row)} "], "textposition": side,
                  "textfont": {"size": 12, "color": tone.replace("arm", "said", 1)}}  # fmt: skip
    return trace


def _name(row: Json) -> str:
    return f"{row['arm']} ({words.evaluations(row.get('cost'))})"


def _sides(drawn: Sequence[Json], across: tuple[float, float], up: tuple[float, float], narrow: bool) -> list[str]:
    """Where each name goes, so that it covers no mark and no other name; "" where it would (the key below has it then).

    Names stand above or below the interval across, never on it.
    """
    wide, tall = (NARROW_PX if narrow else WIDE_PX), TALL_PX
    marks = [
        (
            wide * (100 * r["accuracy"]["value"] - across[0]) / (across[1] - across[0]),
            tall * (r["diversity"]["value"] - up[0]) / (up[1] - up[0]),
        )
        for r in drawn
    ]
    taken: list[tuple[float, float, float, float]] = []
    sides = []
    for (x, y), row in zip(marks, drawn, strict=True):
        width = LETTER_PX * (len(_name(row)) + 1)
        for side in ("top right", "top left", "bottom right", "bottom left"):
            left = x + 4 if "right" in side else x - 4 - width
            low = y + 3 if "top" in side else y - 3 - LINE_PX
            box = (left, low, left + width, low + LINE_PX)
            free = all(not _inside(box, mark) for mark in marks) and all(not _overlap(box, other) for other in taken)
            if free and left >= 0 and box[2] <= wide:
                taken.append(box)
                sides.append(side)
                break
        else:
            sides.append("")
    return sides


def _inside(box: tuple[float, float, float, float], mark: tuple[float, float]) -> bool:
    return box[0] - 5 < mark[0] < box[2] + 5 and box[1] - 2 < mark[1] < box[3] + 2


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _range(measures: Sequence[Json]) -> tuple[float, float]:
    found = [v for m in measures for v in [value(m), *(ends(m) or ())] if v is not None]
    low, high = min(found), max(found)
    room = max(0.02, 0.06 * (high - low))
    return max(0.0, low - room), min(1.05, high + room)
