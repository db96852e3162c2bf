"""The transfer board as a heat map of retention."""

from __future__ import annotations

import textwrap

from studio.core.files import Json
from studio.ui.kit import words
from studio.ui.lab.figures import Result, figure_of
from studio.ui.lab.plot import heading, layout
from studio.ui.lab.transfer import readers, short

ROW_PX, TOP_PX, LEAST_PX, LINE_PX = 46, 96, 300, 16
CAPTION = (
    "100 %: as far as on the model it was trained on; below 0 it turned round. In brackets, 95 % intervals. Other factors are "
    "those that the slider is not to move, read on the same seeds at strength 0 and at the end that disturbs more. Where no "
    "oracle reads, the board says what does: a CLIP text score, or a distance, which says how much changes and not what."
)


@figure_of("transfer", caption=CAPTION)
def transfer(result: Result, narrow: bool) -> Json | None:
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
