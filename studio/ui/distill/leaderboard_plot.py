"""The leaderboard's figure: quality across, diversity up, cost as the size of a mark; or cost across.

A plain plotly figure like those of `studio.ui.compare.plot`: colours are names of CSS variables, resolved in the browser.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from studio.capabilities.leaderboard.kept_figures import Arm
from studio.capabilities.leaderboard.table import Board, Row
from studio.core.files import Json
from studio.ui.kit import arms, plot_key
from studio.ui.kit import words as say

CHOICES = {"accuracy": "Accuracy", "fd_oracle": "FD-oracle", "nfe": "NFE"}
AXES = {"accuracy": "accuracy of what the prompt states", "fd_oracle": "FD-oracle, closer to the world on the right",
        "nfe": "network evaluations per image (NFE)"}  # fmt: skip
LETTER, LINE, GAP = 0.027, 0.05, 0.015  # of a narrow figure: a letter's width, a line's height, room beside a mark
ROOM = 0.12  # of the range, kept free around the marks


def tone(arm: Arm) -> str:
    """The arm's colour: a hybrid of the board is one with a single teacher step."""
    return "hybrid-1" if arm.role == "hybrid" else arm.role


def size(nfe: float) -> float:
    """Of a mark, in pixels: 9 at one evaluation, 2.4 more whenever they double."""
    return round(9 + 2.4 * math.log2(max(nfe, 1.0)), 1)


def figure(board: Board, across: str) -> str | None:
    """JSON text; None while no row has both figures. Rows measured otherwise are faint and never on the front."""
    rows = [row for row in board.rows if row.value("diversity") is not None and row.value(across) is not None]
    if not rows:
        return None
    log = across == "nfe"
    xs = [_x(row, across) for row in rows]
    xs = _spread(xs) if log else xs
    ys = [row.value("diversity") or 0.0 for row in rows]
    sideways = _ends(across, [*xs, *(100 * end for row in rows for end in _bar(row, "accuracy") if across == "accuracy")])
    up = _around([*ys, *(end for row in rows for end in _bar(row, "diversity"))], 0.0)
    names = ["hybrid" if row.arm.role == "hybrid" else row.arm.title for row in rows]
    sides = label_sides(xs, ys, names, sideways, up)
    places = [10**x if log else x for x in xs]
    data = _links(rows, places, ys)
    marks = [_mark(row, across, x, name, side) for row, x, side, name in zip(rows, places, sides, names, strict=True)]
    data, layout = [*data, *marks], _layout(across, sideways, up, rows)
    plot_key.add(data, layout, [(mark, _keyed(row)) for mark, side, row in zip(marks, sides, rows, strict=True) if not side])
    return json.dumps({"data": data, "layout": layout}, separators=(",", ":"))


def _keyed(row: Row) -> str:
    """Its name where no dotted line says whose hybrid it is."""
    return f"hybrid of {row.arm.student}" if row.arm.role == "hybrid" else row.arm.title


def _x(row: Row, across: str) -> float:
    value = row.value(across) or 0.0
    return math.log10(max(value, 1.0)) if across == "nfe" else 100 * value if across == "accuracy" else value


def _spread(xs: Sequence[float], near: float = 0.035) -> list[float]:
    """Equal costs, in decades, moved apart around their own place so that bars do not cover one another."""
    places = list(xs)
    for value in set(xs):
        group = [i for i, x in enumerate(xs) if x == value]
        for rank, i in enumerate(group):
            places[i] = value + near * (rank - (len(group) - 1) / 2)
    return places


def _bar(row: Row, name: str) -> list[float]:
    """Ends of an interval, or nothing."""
    measure = (row.figures or {}).get(name)
    ends = [measure.get("low"), measure.get("high")] if isinstance(measure, dict) else []
    return [float(end) for end in ends if isinstance(end, (int, float))] if None not in ends else []


def _around(values: Sequence[float], least: float) -> tuple[float, float]:
    """The range of values with room on both sides, at least `least`."""
    low, high = min(values), max(values)
    room = max((high - low) * ROOM, least, 0.02 * abs(high), 1e-6)
    return low - room, high + room


def _ends(across: str, values: Sequence[float]) -> tuple[float, float]:
    """Left and right end of the axis: the better side is on the right, but for cost, which grows to the right."""
    low, high = _around(values, 0.12 if across == "nfe" else 0.0)
    if across == "fd_oracle":
        return high, max(low, 0.0)
    return low, min(high, 102.0) if across == "accuracy" else high


def label_sides(
    xs: Sequence[float], ys: Sequence[float], names: Sequence[str], across: tuple[float, float], up: tuple[float, float]
) -> list[str]:
    """Where each name goes beside its mark (plotly's textposition), "" where it would cover something or leave the figure (the
    key below has it then)."""
    marks = [((x - across[0]) / (across[1] - across[0]), (y - up[0]) / (up[1] - up[0])) for x, y in zip(xs, ys, strict=True)]
    taken: list[tuple[float, float, float, float]] = []
    sides = []
    for i, ((x, y), name) in enumerate(zip(marks, names, strict=True)):
        width, right, left = len(name) * LETTER, x + GAP, x - GAP
        options = {  # off the four directions of the bars
            "top right": (right, right + width, y + LINE), "top left": (left - width, left, y + LINE),
            "bottom right": (right, right + width, y - LINE), "bottom left": (left - width, left, y - LINE),
        }  # fmt: skip
        for side, (begin, end, middle) in options.items():
            box = (begin, end, middle - LINE / 2, middle + LINE / 2)
            inside = box[0] >= 0 and box[1] <= 1 and box[2] >= 0 and box[3] <= 1
            free = all(j == i or not _covers(box, a, b) for j, (a, b) in enumerate(marks))
            if inside and free and not any(_meet(box, other) for other in taken):
                taken.append(box)
                sides.append(side)
                break
        else:
            sides.append("")
    return sides


def _covers(box: tuple[float, float, float, float], x: float, y: float) -> bool:
    return box[0] - 0.02 < x < box[1] + 0.02 and box[2] - 0.02 < y < box[3] + 0.02


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def _links(rows: Sequence[Row], xs: Sequence[float], ys: Sequence[float]) -> list[Json]:
    """A dotted line from every student to its hybrid."""
    at = {(r.arm.student.id, r.arm.role): (x, y) for r, x, y in zip(rows, xs, ys, strict=True) if r.arm.student is not None}
    found: list[Json] = []
    for (student, role), (x, y) in at.items():
        if role == "student" and (student, "hybrid") in at:
            hx, hy = at[student, "hybrid"]
            found.append({"type": "scatter", "mode": "lines", "x": [x, hx], "y": [y, hy], "hoverinfo": "skip",
                          "line": {"color": "--arm-hybrid-1", "width": 1.4, "dash": "dot"}})  # fmt: skip
    return found


def _mark(row: Row, across: str, x: float, name: str, side: str) -> Json:
    color, look = f"--arm-{tone(row.arm)}", arms.look(tone(row.arm))
    nfe = row.value("nfe") or 1.0
    on = any(row.front.values()) if across == "nfe" else bool(row.front.get(across))
    symbol = look.marker if on else f"{look.marker}-open"
    marker = {"color": color, "symbol": symbol, "size": 12 if across == "nfe" else size(nfe),
              "opacity": 1 if row.comparable else 0.45, "line": {"color": color, "width": 2}}  # fmt: skip
    trace: Json = {
        "type": "scatter", "mode": "markers+text" if side else "markers", "x": [x], "y": [row.value("diversity")],
        "marker": marker, "hovertemplate": _hover(row), "cliponaxis": False, "error_y": _error(row, "diversity", 1, color),
    }  # fmt: skip
    if side:
        trace |= {
            "text": [f" {name} "],
            "textposition": side,
            "textfont": {"color": color.replace("--arm-", "--said-"), "size": 12},
        }
    if across == "accuracy":
        trace["error_x"] = _error(row, "accuracy", 100, color)
    if row.arm.student is not None:
        trace["customdata"] = [row.arm.student.id]
    return trace


def _error(row: Row, name: str, scale: float, color: str) -> Json:
    ends, value = _bar(row, name), row.value(name) or 0.0
    up, down = ((ends[1] - value) * scale, (value - ends[0]) * scale) if ends else (0.0, 0.0)
    return {"type": "data", "symmetric": False, "array": [up], "arrayminus": [down], "thickness": 1.2, "width": 3, "color": color}


def _hover(row: Row) -> str:
    figures = row.figures or {}
    lines = [f"<b>{row.arm.title}</b>", f"diversity {' '.join(say.interval(figures.get('diversity')))}",
             f"accuracy {' '.join(say.interval(figures.get('accuracy'), percent=True))}",
             f"FD-oracle {say.number(row.value('fd_oracle'), 1)}, {say.evaluations(row.value('nfe'))} NFE"]  # fmt: skip
    if row.otherwise:
        lines.append(f"measured otherwise: {row.otherwise}")
    return "<br>".join(lines) + "<extra></extra>"


def _layout(across: str, sideways: tuple[float, float], up: tuple[float, float], rows: Sequence[Row]) -> Json:
    title = {"text": AXES[across], "standoff": 8, "font": {"size": 12}}
    axis: Json = {"range": list(sideways), "zeroline": False, "title": title, "nticks": 6}
    if across == "nfe":
        ticks = sorted({row.value("nfe") or 1.0 for row in rows})
        axis |= {"type": "log", "tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks]}
    if across == "accuracy":
        axis |= {"ticksuffix": " %"}
    layout: Json = {
        "uirevision": across, "margin": {"l": 46, "r": 12, "t": 26, "b": 44}, "xaxis": axis, "showlegend": False,
        "yaxis": {"range": list(up), "zeroline": False, "nticks": 7}, "hoverlabel": {"align": "left"}, "shapes": [],
        "annotations": [{"xref": "paper", "x": 0, "yref": "paper", "y": 1.01, "xanchor": "left", "yanchor": "bottom",
                         "showarrow": False, "font": {"size": 12, "color": "--ink-2"},
                         "text": "<b>Diversity</b> of what the prompt leaves free"}],
    }  # fmt: skip
    worlds = {(row.figures or {}).get("world_diversity") for row in rows if row.comparable}
    for world in worlds:
        if isinstance(world, (int, float)) and up[0] < world < up[1]:
            line = {"color": "--ink-3", "width": 1, "dash": "dot"}
            layout["shapes"].append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": world, "y1": world, "line": line})
            words = {"text": "the world itself", "showarrow": False, "font": {"size": 11, "color": "--ink-3"}}
            layout["annotations"].append(words | {"xref": "paper", "x": 1, "y": world, "xanchor": "right", "yanchor": "bottom"})
    return layout
