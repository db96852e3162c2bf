"""The transfer board in tables."""

from __future__ import annotations

from studio.core.files import Json
from studio.ui.kit import words

UNREAD = "A dash: only an oracle could say it, and there is none for these pictures"


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
