"""The one figure of Compare, as a plain plotly figure (a dict, so that no plotly import slows the page down).

Colours are names of CSS variables ("--arm-student"); `assets/ui/kit/plot.js` resolves them when it draws, so the
figure follows light and dark without being sent again.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from studio.core.files import Json
from studio.ui.compare.view import of_one_reader
from studio.ui.kit import arms, plot_key, words

TOO_CLOSE = 0.045  # of the axis of diversity: what is nearer than this stands on the same line
HEADING = 42  # letters of a heading that fit into the figure on a phone
LETTERS = 46  # letters of a name that fit side by side into the figure
NEIGHBOUR = 1.06  # two arms closer than this ratio in NFE are drawn side by side, so that intervals do not cover


@dataclass(frozen=True)
class Below:
    """The lower panel: a measure of the arms, times `scale`."""

    name: str
    heading: str
    scale: float
    suffix: str = ""

    def of(self, row: Json) -> Json | None:
        found = row["measures"].get(self.name) or {}
        return found if isinstance(found.get("value"), (int, float)) else None

    def range(self, drawn: Sequence[Json]) -> list[float]:
        """An accuracy's begins below the lowest interval; a score's holds all of them."""
        found = [one for row in drawn if (one := self.of(row))]
        ends = [one[end] * self.scale for one in found for end in ("low", "high") if isinstance(one.get(end), (int, float))]
        if self.suffix:
            return [max(0.0, min(ends, default=0.0) - 8), 102]
        ends += [one["value"] * self.scale for one in found]
        room = 0.1 * (max(ends) - min(ends)) or 0.5
        return [min(ends) - room, max(ends) + room]


ACCURACY = Below("accuracy", "<b>Accuracy</b>: as stated, one subject", 100, " %")
SCORE = Below("text_score", "<b>CLIP text score</b> of picture and prompt", 1)


def spread_out(costs: Sequence[float]) -> list[float]:
    """x positions for a log axis: equal or nearly equal costs are nudged apart around their own value."""
    order = sorted(range(len(costs)), key=lambda i: costs[i])
    groups: list[list[int]] = []
    for i in order:
        if groups and costs[i] <= costs[groups[-1][-1]] * NEIGHBOUR:
            groups[-1].append(i)
        else:
            groups.append([i])
    places = list(map(float, costs))
    for group in groups:
        for rank, i in enumerate(group):
            places[i] = costs[i] * NEIGHBOUR ** (rank - (len(group) - 1) / 2)
    return places


def _errors(measure: Json, scale: float) -> Json:
    value, low, high = measure["value"], measure.get("low"), measure.get("high")
    known = isinstance(low, (int, float)) and isinstance(high, (int, float))
    up, down = ((high - value) * scale, (value - low) * scale) if known else (0.0, 0.0)
    return {"type": "data", "symmetric": False, "array": [up], "arrayminus": [down], "thickness": 1.6, "width": 5}


def cost_figure(rows: Iterable[Json]) -> str | None:
    """Diversity above accuracy, both with 95 % intervals, against network evaluations per image; None if too early.

    Where no oracle reads, it is a judge's diversity, named above it, and the text score below where there is one.
    """
    drawn = [r for r in rows if r["nfe"] and isinstance((r["measures"].get("diversity") or {}).get("value"), (int, float))]
    if not drawn:
        return None
    drawn = of_one_reader(drawn)
    high = _top(drawn)
    below = next((one for one in (ACCURACY, SCORE) if any(one.of(row) is not None for row in drawn)), None)
    places = spread_out([row["nfe"] for row in drawn])
    data: list[Json] = []
    edges = _edges(places)
    values = [row["measures"]["diversity"]["value"] / high for row in drawn]
    names = [row["title"] for row in drawn]
    sides = label_sides(list(zip(places, values, names, strict=True)), edges)
    keyed: list[tuple[Json, str]] = []
    for row, x, side in zip(drawn, places, sides, strict=True):
        traces = _traces(row, x, side, below)
        data += traces
        keyed += [] if side else [(traces[0], row["title"])]
    layout = _layout(drawn, edges, high, below)
    plot_key.add(data, layout, keyed)
    world = drawn[0]["measures"].get("world_diversity")
    if isinstance(world, (int, float)):
        line = {"color": "--ink-3", "width": 1, "dash": "dot"}
        layout["shapes"] = [
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": world, "y1": world, "line": line}
        ]
        layout["annotations"].append(
            {"xref": "paper", "x": 0.5, "yref": "y", "y": world, "text": "the world itself", "showarrow": False,
             "xanchor": "center", "yanchor": "bottom", "font": {"size": 11, "color": "--ink-3"}}
        )  # fmt: skip
    return json.dumps({"data": data, "layout": layout}, separators=(",", ":"))


def label_sides(points: Sequence[tuple[float, float, str]], edges: tuple[float, float]) -> list[str]:
    """Where each arm's name goes beside its marker (plotly's textposition), "" where it would cover something.

    `points`: (NFE, diversity as a share of its axis, name); `edges`: the log axis from its left to its right end, in decades. A
    name that does not fit stands in the key below.
    """
    letter = (edges[1] - edges[0]) / LETTERS
    marks = [(math.log10(x), y) for x, y, _ in points]
    boxes: list[tuple[float, float, float]] = []  # left, right, height of names already placed
    sides: list[str] = []
    for (x, y), (_, _, name) in zip(marks, points, strict=True):
        width = (len(name) + 2) * letter
        for side, left, right in (("middle right", x + letter, x + width), ("middle left", x - width, x - letter)):
            inside = edges[0] <= left and right <= edges[1]
            free = all(abs(y - b) > TOO_CLOSE or not left - letter < a < right + letter for a, b in marks if (a, b) != (x, y))
            apart = all(abs(y - b) > TOO_CLOSE or right < low or high < left for low, high, b in boxes)
            if inside and free and apart:
                boxes.append((left, right, y))
                sides.append(side)
                break
        else:
            sides.append("")
    return sides


def _top(drawn: Sequence[Json]) -> float:
    """Upper end of the axis of diversity: 1 for an oracle's, the highest interval for a judge's, which has no scale."""
    if not drawn[0].get("by"):
        return 1.0
    found = [row["measures"]["diversity"] for row in drawn]
    return max(float(one.get("high") or one["value"]) for one in found) or 1.0


def _traces(row: Json, x: float, side: str, below: Below | None) -> list[Json]:
    style = arms.look(row["arm"])
    color = f"--arm-{style.slug}"
    marker = {"color": color, "symbol": style.marker, "size": 11, "line": {"color": color, "width": 1.5}}
    diversity, accuracy = row["measures"]["diversity"], row["measures"].get("accuracy") or {}
    score = row["measures"].get("text_score")
    scored = f"<br>text score {' '.join(words.interval(score, digits=1))}" if score else ""
    both = (
        f"<b>{row['title']}</b><br>diversity {' '.join(words.interval(diversity))}"
        f"<br>accuracy {' '.join(words.interval(accuracy, percent=True))}"
        f"{scored}"
        f"<br>{words.evaluations(row['nfe'])} NFE, {words.seconds(row['seconds'])} per image<extra></extra>"
    )
    shared = {"type": "scatter", "mode": "markers", "x": [x], "marker": marker, "hovertemplate": both, "cliponaxis": False}
    name = f"  {row['title']}  "
    top = shared | {"y": [diversity["value"]], "yaxis": "y", "error_y": _errors(diversity, 1) | {"color": color}}
    if side:
        top |= {
            "mode": "markers+text",
            "text": [name],
            "textposition": side,
            "textfont": {"color": f"--said-{style.slug}", "size": 12},
        }
    found = below.of(row) if below is not None else None
    if below is None or found is None:
        return [top]
    bars = _errors(found, below.scale) | {"color": color}
    return [top, shared | {"y": [below.scale * found["value"]], "yaxis": "y2", "error_y": bars}]


def _edges(places: Sequence[float]) -> tuple[float, float]:
    """Ends of the cost axis in decades, with room for names on the left."""
    low, high = math.log10(min(places)) - 0.45, math.log10(max(places)) + 0.1
    return low, max(high, low + 0.9)


def _layout(drawn: Sequence[Json], edges: tuple[float, float], high: float, below: Below | None) -> Json:
    ticks = sorted({row["nfe"] for row in drawn})
    kept = [t for i, t in enumerate(ticks) if i == 0 or t / ticks[i - 1] > 1.12 or i == len(ticks) - 1]
    axis = {"type": "log", "range": list(edges), "tickvals": kept, "ticktext": [f"{t:g}" for t in kept]}
    by, alone = drawn[0].get("by"), below is None and bool(drawn[0].get("by"))
    named = (
        textwrap.wrap(f"Diversity: {by}", HEADING, break_on_hyphens=True) if by else ["Diversity of what the prompt leaves free"]
    )
    what = "<br>".join(named).replace("Diversity", "<b>Diversity</b>", 1)
    second = below or ACCURACY
    heading = {"xref": "paper", "x": 0, "yref": "paper", "xanchor": "left", "yanchor": "bottom", "align": "left",
               "showarrow": False, "font": {"size": 12, "color": "--ink-2"}}  # fmt: skip
    title = {"text": "network evaluations per image (NFE)", "standoff": 8, "font": {"size": 12}}
    return {
        "uirevision": "cost",
        "margin": {"l": 44, "r": 8, "t": 24 + 15 * (len(named) - 1), "b": 42},
        "xaxis": axis | {"anchor": "y" if alone else "y2", "title": title, "zeroline": False},
        "yaxis": {"domain": [0 if alone else 0.42, 1], "range": [0, 1.02 * high], "nticks": 6, "zeroline": False},
        **({} if alone else {"yaxis2": {"domain": [0, 0.28], "range": second.range(drawn), "ticksuffix": second.suffix,
                                        "nticks": 4, "zeroline": False}}),
        "annotations": [
            heading | {"y": 1.01, "text": what},
            *([] if alone else [heading | {"y": 0.29, "text": second.heading}]),
        ],
        "hoverlabel": {"align": "left"},
        "showlegend": False,
    }  # fmt: skip
