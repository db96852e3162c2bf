"""The transfer board: a heat map of retention, and its table."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from studio.core.files import Json
from studio.ui.kit import words
from studio.ui.lab.plot import heading, layout

ROW_PX, TOP_PX, LEAST_PX, LINE_PX = 46, 96, 300, 16
UNREAD = "A dash: only an oracle could say it, and there is none for these pictures"


def figure(result: Mapping[str, Any], narrow: bool) -> Json | None:
    """Rows are sliders, columns models; a cell is the slope there over the slope where the slider was trained."""
    board = result.get("board") or {}
    rows, models = board.get("rows", []), board.get("models", [])
    if not rows:
        return None
    said = [f"read by: {name}" for name in readers(result)]
    cells = [[row["cells"].get(model) for model in models] for row in rows]
    z = [[_value(cell) for cell in line] for line in cells]
    out: Json = {"data": [], "layout": layout(max(LEAST_PX, TOP_PX + ROW_PX * len(rows)) + LINE_PX * len(said))}
    out["data"].append({
        "type": "heatmap", "x": list(range(len(models))), "y": list(range(len(rows))),
        "z": [[_shade(v) for v in line] for line in z],
        "text": [[_text(cell, narrow) for cell in line] for line in cells], "texttemplate": "%{text}",
        "hovertext": [[_hover(row, model, cell) for model, cell in zip(models, line, strict=True)]
                      for row, line in zip(rows, cells, strict=True)],
        "hoverinfo": "text", "showscale": False, "xgap": 3, "ygap": 3, "zmin": -0.6, "zmax": 1.6,
        "colorscale": [[0, "--arm-skip-first"], [0.5, "--sunken"], [1, "--arm-hybrid-1"]],
        "textfont": {"color": "--ink", "size": 11},
    })  # fmt: skip
    ticks = {"showgrid": False, "zeroline": False}
    out["layout"] |= {
        "uirevision": "transfer",
        "margin": {"l": 104 if narrow else 150, "r": 8, "t": 46 + LINE_PX * len(said), "b": 30},
        "xaxis": ticks | {"tickvals": list(range(len(models))), "ticktext": [short(name) for name in models], "side": "bottom"},
        "yaxis": ticks
        | {
            "tickvals": list(range(len(rows))),
            "ticktext": [_lines(row["title"], narrow) for row in rows],
            "autorange": "reversed",
        },
    }
    head = "<b>Retention</b>: slope here over slope where it was trained"
    out["layout"]["annotations"].append(heading("<br>".join([head, *said]), 1.01))
    return out


def _lines(title: str, narrow: bool) -> str:
    """A slider's title in lines that fit beside the map."""
    return "<br>".join(textwrap.wrap(title, 13 if narrow else 20)[:3])


def table(result: Json) -> Json | None:
    """A line a cell, with everything that was measured."""
    board, rows, read = result.get("board") or {}, [], readers(result)
    changes = any("change" in cell for row in board.get("rows", []) for cell in row["cells"].values())
    for row in board.get("rows", []):
        for model, cell in row["cells"].items():
            drift = cell["drift"]
            rho = cell["spearman"]
            rows.append({
                "name": f"{row['title']} on {short(model)}", "tone": tone_of(model),
                "cells": [words.interval(cell["slope"], 3), words.interval(cell["retention"], percent=True),
                          (words.NO_VALUE if rho is None else f"{rho:.2f}", ""),
                          (f"{cell['even'][0]:g} to {cell['even'][1]:g}", ""), words.interval(drift["others"], percent=True),
                          words.interval(drift["kept"], percent=True), words.interval(drift["features"]),
                          (f"{max(cell['fd'].values()):.1f}" if cell["fd"] else words.NO_VALUE, ""),
                          words.interval(drift["in_distribution"], percent=True),
                          *([words.interval(cell.get("change"), percent=True)] if changes else []),
                          *([(str(row.get("reader", "")), f"{row['attribute']}, {row['unit']}")] if read else [])],
            })  # fmt: skip
    heads = ["slider", "slope", "retention", "Spearman", "even from", "other factors changed", "identity kept",
             "feature distance", "FD-oracle to strength 0", "in distribution",
             *(["change of the CLIP score"] if changes else []), *(["read by"] if read else [])]  # fmt: skip
    title = f"What each slider does. {UNREAD}" if read else "What each slider does"
    return {"title": title, "heads": heads, "rows": rows} if rows else None


def theirs(result: Json) -> Json | None:
    """What the paper reports, apart from what was measured here."""
    found = result.get("published")
    if not found:
        return None
    rows = [{"name": name, "tone": "other", "cells": [(f"{value:g}", "") for value in values]}
            for name, values in found["rows"].items()]  # fmt: skip
    return {"title": f"Not measured here: {found['what']} ({found['source']})", "heads": ["adapter", *found["models"]],
            "rows": rows}  # fmt: skip


def readers(result: Json) -> list[str]:
    """Who read in place of an oracle; nobody where there is one."""
    return [str(name) for name in (result.get("board") or {}).get("readers", ())]


def short(model: str) -> str:
    """ "dmd2" of "pocket/dmd2"."""
    return model.rpartition("/")[2]


def tone_of(model: str) -> str:
    return "teacher" if model.endswith("teacher") else "hybrid-1" if model == "hybrid" else "student"


def _value(cell: Json | None) -> float | None:
    share = (cell or {}).get("retention") or {}
    return share.get("value")


def _shade(value: float | None) -> float | None:
    """0 where it turned round, 0.5 at nothing, 1 from all of it on; the scale's ends lie further out, for ink to be read."""
    return None if value is None else max(0.0, min(1.0, 0.5 + value / 2))


def _text(cell: Json | None, narrow: bool) -> str:
    if cell is None or not cell.get("retention"):
        return ""
    if cell["retention"].get("value") is None and _flat(cell):
        return "no slope"
    value, ends = words.interval(cell["retention"], percent=True)
    return value if narrow or not ends else f"{value}<br><span style='font-size:9px'>{ends}</span>"


def _flat(cell: Json) -> bool:
    """Whether the adapter does nothing at all here."""
    slope = cell["slope"]
    return bool(slope.get("value") == slope.get("low") == slope.get("high") == 0)


def _hover(row: Json, model: str, cell: Json | None) -> str:
    if cell is None:
        return "not drawn"
    slope = " ".join(filter(None, words.interval(cell["slope"], 3)))
    others = " ".join(filter(None, words.interval(cell["drift"]["others"], percent=True)))
    head = f"<b>{row['title']}</b> on {model}<br>slope {slope} {row['unit']}<br>trained on {row['base']}"
    if "reader" not in row:
        return f"{head}<br>other factors changed {others}"
    return f"{head}<br>{row['attribute']}<br>read by: {row['reader']}"


CAPTION = (
    "100 %: as far as on the model it was trained on; below 0 it turned round. In brackets, 95 % intervals. Other factors are "
    "those that the slider is not to move, read on the same seeds at strength 0 and at the end that disturbs more. Where no "
    "oracle reads, the board says what does: a CLIP text score, or a distance, which says how much changes and not what."
)
