"""The figure of a study: one plotly figure a kind, for wide and for narrow pages. None while there is nothing to draw."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from studio.core.files import Json
from studio.ui.kit import words as say
from studio.ui.lab import panels as lab_panels
from studio.ui.lab import transfer
from studio.ui.lab.pareto import pareto
from studio.ui.lab.plot import MUTED, bars, colour, ends, figures, floor, heading, layout, scaled, symbol, value

DIVERSITY = "<b>Diversity</b> of what the prompt leaves free"
ACCURACY = "<b>Accuracy</b> of what it states"
UPPER, LOWER = [0.43, 1.0], [0.0, 0.3]


def figure(result: Mapping[str, Any], narrow: bool = False) -> str | None:
    """JSON text of the figure that belongs to a result; `narrow` for pages of a telephone's width."""
    draw = KINDS.get(str(result.get("study")))
    found = draw(result, narrow) if draw else None
    return json.dumps(found, separators=(",", ":")) if found else None


def both(result: Mapping[str, Any]) -> Json | None:
    """{"wide", "narrow"}: the browser takes the one that fits."""
    wide = figure(result)
    return {"wide": wide, "narrow": figure(result, narrow=True)} if wide else None


# -- sweeps: points along x, controls beside them, teachers as lines -------------------------------------------------


def _k_sweep(result: Mapping[str, Any], narrow: bool) -> Json | None:
    swept = result["sweep"]
    if not swept["points"]:
        return None
    lines = [r for r in swept["references"] if r["arm"].startswith("teacher")]
    controls = [r for r in swept["references"] if r not in lines]
    names = [f"{p['x']:g}" if narrow else f"k = {p['x']:g}" for p in swept["points"]]
    out = _sweep(swept["points"], controls, lines, names, narrow, "markers", "base steps k")
    for axis, measure, scale in (("y", "diversity", 1.0), ("y2", "accuracy", 100.0)):
        path = {"type": "scatter", "mode": "lines", "x": [p["x"] for p in swept["points"]], "yaxis": axis, "hoverinfo": "skip",
                "y": scaled([p[measure] for p in swept["points"]], scale), "line": {"color": "--line-2", "width": 2}}  # fmt: skip
        out["data"].insert(0, path)
    return out


def _position_sweep(result: Mapping[str, Any], narrow: bool) -> Json | None:
    swept = result["sweep"]
    if not swept["points"]:
        return None
    names = [f"{p['x'] + 1:g}" if narrow else p["arm"] for p in swept["points"]]
    out = _sweep(
        swept["points"], swept.get("controls", []), swept["references"], names, narrow, "bars", "step that the base takes"
    )
    for lead in swept.get("leads", []):
        found, at = lead["lead"], lead["position"]
        point = next(p for p in swept["points"] if p["x"] == at)
        pair = ends(point["diversity"])
        said = f"{value(found):+.2f}" if value(found) is not None else say.NO_VALUE
        sure = found.get("low") is not None and (found["low"] > 0 or found["high"] < 0)
        words = f"{'' if narrow else 'lead '}{said}{'' if sure else ' ?'}"
        out["layout"]["annotations"].append({
            "x": at, "xref": "x", "yref": "y", "y": pair[1] if pair else value(point["diversity"]) or 0, "yshift": 12,
            "showarrow": False, "bgcolor": "--card", "borderpad": 0, "text": words,
            "font": {"size": 11, "color": "--ink-2"},
            "hovertext": f"first position minus this one: {' '.join(say.interval(found))}",
        })  # fmt: skip
    return out


def _sweep(
    points: Sequence[Json],
    controls: Sequence[Json],
    lines: Sequence[Json],
    names: Sequence[str],
    narrow: bool,
    drawn: str,
    across: str,
) -> Json:
    first = points[0]["x"]
    at = [p["x"] for p in points] + [points[-1]["x"] + 1 + i for i in range(len(controls))]
    rows = [*points, *controls]
    called = [*names, *(c["arm"].replace("-", "-<br>").replace("student", "stud.") if narrow else c["arm"] for c in controls)]
    unit = "" if narrow else " NFE"
    ticks = [f"{name}<br>{say.evaluations(row.get('cost'))}{unit}" for name, row in zip(called, rows, strict=True)]
    out: Json = {"data": [], "layout": layout(460 if narrow else 440)}
    for x, row in zip(at, rows, strict=True):
        tone = "--arm-student" if row["arm"] == "student" else colour(row["arm"])
        for axis, measure, scale in (("y", "diversity", 1.0), ("y2", "accuracy", 100.0)):
            trace: Json = {"x": [x], "y": scaled([row[measure]], scale), "yaxis": axis, "hovertemplate": figures(row),
                           "error_y": bars([row[measure]], scale, "--ink-2" if drawn == "bars" else tone)}  # fmt: skip
            if drawn == "bars":
                trace |= {"type": "bar", "width": 0.56, "marker": {"color": tone, "opacity": 0.78}}
            else:
                mark = {"color": tone, "symbol": symbol(row["arm"]), "size": 11, "line": {"color": tone, "width": 1.5}}
                trace |= {"type": "scatter", "mode": "markers", "marker": mark, "cliponaxis": False}
            out["data"].append(trace)
    known = [v for line in lines if (v := value(line["diversity"])) is not None]
    for i, line in enumerate(lines):
        _across(out["layout"], line, i, narrow, min(known) if len(known) > 1 else None)
    more = {"font": {"size": 11}, "text": "; ".join([across, "NFE below"]) if narrow else "", "standoff": 4}
    tops = [v for row in [*rows, *lines] for v in [value(row["diversity"]), *(ends(row["diversity"]) or ())] if v is not None]
    out["layout"] |= {
        "uirevision": drawn, "margin": {"l": 46, "r": 10, "t": 26, "b": 76 if narrow and controls else 48},
        "xaxis": {"tickvals": at, "ticktext": ticks, "range": [first - 0.6, at[-1] + 0.6], "anchor": "y2", "title": more,
                  "zeroline": False, "showgrid": False, "tickangle": 0},
        "yaxis": {"domain": UPPER, "range": [0, min(1.05, max(tops, default=0.9) + 0.12)], "nticks": 6, "zeroline": False},
        "yaxis2": {"domain": LOWER, "range": [floor([*rows, *lines]), 102], "ticksuffix": " %", "nticks": 4, "zeroline": False},
    }  # fmt: skip
    out["layout"]["annotations"] += [heading(DIVERSITY, 1.01), heading(ACCURACY, 0.31)]
    return out


DASHES = ("solid", "dash", "dot", "dashdot")


def _across(drawn: Json, row: Json, i: int, narrow: bool, lowest: float | None) -> None:
    """A reference as a line through both panels, with its interval as a band and its name on it."""
    tone = colour(row["arm"])
    for axis, measure, scale in (("y", "diversity", 1.0), ("y2", "accuracy", 100.0)):
        v, pair = value(row[measure]), ends(row[measure])
        if v is None:
            continue
        across = {"xref": "paper", "x0": 0, "x1": 1, "yref": axis}
        if pair is not None:
            drawn["shapes"].append(across | {"type": "rect", "y0": pair[0] * scale, "y1": pair[1] * scale, "fillcolor": tone,
                                             "opacity": 0.06, "line": {"width": 0}, "layer": "below"})  # fmt: skip
        drawn["shapes"].append(across | {"type": "line", "y0": v * scale, "y1": v * scale, "layer": "below",
                                         "line": {"color": tone, "width": 1.6, "dash": DASHES[i % len(DASHES)]}})  # fmt: skip
        if axis == "y":
            side = ("left", "right", "center")[i % 3]
            where = {"left": 0.0, "right": 1.0, "center": 0.5}[side]
            name = row["arm"] if narrow else f"{row['arm']}, {say.evaluations(row.get('cost'))} NFE"
            drawn["annotations"].append({"xref": "paper", "x": where, "xanchor": side, "yref": "y", "y": v, "showarrow": False,
                                         "yanchor": "top" if v == lowest else "bottom", "text": name, "bgcolor": "--card",
                                         "opacity": 0.9, "borderpad": 1,
                                         "font": {"size": 11, "color": tone}})  # fmt: skip


# -- masks --------------------------------------------------------------------------------------------------------------


def _masks(result: Mapping[str, Any], narrow: bool) -> Json | None:
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


# -- hand-over ----------------------------------------------------------------------------------------------------------


def _handover(result: Mapping[str, Any], narrow: bool) -> Json | None:
    found = result["map"]
    if not found["t_star"]:
        return None
    out: Json = {"data": [], "layout": layout(680 if narrow else 400)}
    xs, ys = list(range(len(found["t_star"]))), list(range(len(found["base_steps"])))
    panels = (("diversity", "--arm-hybrid-1", "<b>Diversity</b>", 1.0), ("accuracy", "--arm-hybrid-4", "<b>Accuracy</b>", 100.0))
    for n, (measure, tone, title, scale) in enumerate(panels):
        axes = {"xaxis": "x" if n == 0 else "x2", "yaxis": "y" if n == 0 else "y2"}
        grid = [[value(cell) for cell in row] for row in found[measure]]
        text = [[_written(v, found["nfe"][r][c], scale) for c, v in enumerate(row)] for r, row in enumerate(grid)]
        hover = [[_cell(found, i, j) for j in xs] for i in ys]
        out["data"].append({
            "type": "heatmap", "x": xs, "y": ys, "z": grid, "text": text, "texttemplate": "%{text}", "hovertext": hover,
            "hoverinfo": "text", "hoverongaps": False, "showscale": False, "xgap": 3, "ygap": 3,
            "colorscale": [[0, "--sunken"], [1, tone]], "textfont": {"color": "--ink", "size": 11}, **axes,
        })  # fmt: skip
        out["data"] += [{**trace, **axes} for trace in _iso(found, best=n == 0)]
        left, top = (0.0, 1.0 if n == 0 else 0.4) if narrow else (0.54 * n, 1.0)
        out["layout"]["annotations"].append(heading(title, top + 0.005, left))
    ticks = {"tickvals": xs, "ticktext": [f"{t:g}" for t in found["t_star"]], "showgrid": False, "zeroline": False}
    rows = {"tickvals": ys, "ticktext": [str(s) for s in found["base_steps"]], "showgrid": False, "zeroline": False}
    across = {"text": "hand-over time t*", "standoff": 6, "font": {"size": 12}}
    up = {"text": "base steps", "standoff": 4, "font": {"size": 12}}
    wide, tall = ([0, 1], [0, 1]) if narrow else ([0, 0.46], [0.54, 1])
    out["layout"] |= {
        "uirevision": "handover",
        "xaxis": ticks | {"domain": wide, "anchor": "y", "title": across},
        "xaxis2": ticks | {"domain": tall, "anchor": "y2", "title": across},
        "yaxis": rows | {"domain": [0.6, 1] if narrow else [0, 1], "title": up},
        "yaxis2": rows | {"domain": [0, 0.4] if narrow else [0, 1], "anchor": "x2", "title": up if narrow else {"text": ""}},
    }
    return out


def _written(v: float | None, nfe: float | None, scale: float) -> str:
    """A cell's figure with its cost below."""
    if v is None:
        return ""
    shown = f"{v:.2f}" if scale == 1 else f"{100 * v:.0f} %"
    return f"{shown}<br><span style='font-size:9px'>{say.evaluations(nfe)} NFE</span>"


def _iso(found: Json, best: bool) -> list[Json]:
    """Lines through the cells of one cost, and a ring around the most diverse cell of each."""
    traces: list[Json] = []
    for row in found["costs"]:
        cells = sorted(row["cells"], key=lambda cell: (cell[1], cell[0]))
        if len(cells) > 1:
            traces.append({
                "type": "scatter", "mode": "lines", "x": [c[1] for c in cells], "y": [c[0] for c in cells],
                "line": {"color": "--ink-2", "width": 1, "dash": "dot"}, "hoverinfo": "skip", "opacity": 0.6,
            })  # fmt: skip
        if best and row.get("best") and len(cells) > 1:
            i, j = row["best"]["cell"]
            ring = {"symbol": "circle-open", "size": 40, "color": "--ink", "line": {"width": 1.6, "color": "--ink"}}
            traces.append({"type": "scatter", "mode": "markers", "x": [j], "y": [i], "marker": ring, "hoverinfo": "skip"})
    return traces


def _cell(found: Json, i: int, j: int) -> str:
    if found["arm"][i][j] is None:
        return "not possible"
    row = {"arm": found["arm"][i][j], "diversity": found["diversity"][i][j], "accuracy": found["accuracy"][i][j],
           "cost": found["nfe"][i][j]}  # fmt: skip
    return figures(row).replace("<extra></extra>", "")


def _base_guidance(result: Mapping[str, Any], narrow: bool) -> Json | None:
    swept = result["sweep"]
    rows = [*swept["points"], *swept["references"]]
    return pareto(rows, swept.get("front", []), narrow, path=[p["arm"] for p in swept["points"]])


def _arena(result: Mapping[str, Any], narrow: bool) -> Json | None:
    return pareto(result["rows"], result.get("front", []), narrow)


KINDS: dict[str, Callable[[Mapping[str, Any], bool], Json | None]] = {
    "k-sweep": _k_sweep, "position-sweep": _position_sweep, "masks": _masks, "handover": _handover,
    "base-guidance": _base_guidance, "arena": _arena, "fork": lab_panels.forks, "commitment": lab_panels.commitment,
    "transfer": transfer.figure,
}  # fmt: skip

UP_AND_RIGHT = (
    "Up and to the right is better; in brackets, NFE. Filled: no other arm surely beats it in diversity, accuracy and NFE."
)
CAPTIONS = {
    "k-sweep": "Bars are 95 % intervals; bands, those of the teacher's lines. Below each arm, network evaluations an image.",
    "position-sweep": "Bars: the base takes that one step. Lead: diversity of the first position minus this one's, ? where the "
    "interval includes 0.",
    "masks": "The bars divide the whole difference between all base and all student among the steps (Shapley values).",
    "handover": "Below each figure, its cost. Dotted lines join hand-overs of equal cost; a ring is the most diverse of its cost "
    "that is accurate enough.",
    "base-guidance": UP_AND_RIGHT,
    "arena": UP_AND_RIGHT,
    "fork": "Filled: the share of what varies that the state already decides. What is left above stays open to later noise. "
    "Noise falls to the right; marks have 95 % intervals.",
    "commitment": "Share of samples whose x̂₀ already shows what they end with, over the arm's own steps. The mark is the median "
    "commit step; dotted, how often two samples of the arm agree by chance.",
    "transfer": transfer.CAPTION,
}
__all__ = ["CAPTIONS", "KINDS", "MUTED", "both", "figure"]
