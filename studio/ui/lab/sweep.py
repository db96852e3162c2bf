"""Sweeps: points along x, controls beside them, teachers as lines through a panel of diversity and one of accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from studio.core.files import Json
from studio.ui.kit import words as say
from studio.ui.lab.plot import bars, colour, ends, figures, floor, heading, layout, scaled, symbol, value

DIVERSITY = "<b>Diversity</b> of what the prompt leaves free"
ACCURACY = "<b>Accuracy</b> of what it states"
UPPER, LOWER = [0.43, 1.0], [0.0, 0.3]
DASHES = ("solid", "dash", "dot", "dashdot")


def sweep(
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
