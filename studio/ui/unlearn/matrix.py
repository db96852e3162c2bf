"""The retention matrix: what is forgotten, what stays in its domain and what stays across domains, before and after.

A light stands only where a whole interval decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from studio.core.files import Json
from studio.ui.kit import words

PARTS = {
    "forgotten": ("Forgotten", "pictures of its own prompts that show it"),
    "in its domain": ("In its domain", "pictures of others of its kind that show them"),
    "across domains": ("Across domains", "pictures that show what else their prompts say"),
}
SHOWN, KEPT = 0.1, 0.9
UNDER, OVER = f"under {100 * SHOWN:.0f} %", f"over {100 * SHOWN:.0f} %"
RULE = (
    f"A light stands where a whole 95 % interval decides. Forgotten: green if it lies {UNDER}, red if {OVER}. What must stay: "
    f"green if it lies at or above {100 * KEPT:.0f} % of the share before, red if below. Elsewhere n is too small to say. Before "
    "and after are the same prompts and noises; worst first."
)
FORGOTTEN = next(iter(PARTS))


def light(part: str, before: Json | None, after: Json | None) -> str:
    """ "good", "bad", or "" where the interval does not decide."""
    if not _known(after) or (part != FORGOTTEN and not (_known(before) and before["value"] > 0)):
        return ""
    low, high = float(after["low"]), float(after["high"])
    if part == FORGOTTEN:
        return "good" if high < SHOWN else "bad" if low > SHOWN else ""
    edge = KEPT * float(before["value"]) if before else 0.0
    return "good" if low >= edge else "bad" if high < edge else ""


def verdict(part: str, shown: str) -> str:
    """A light in a word, so that nothing depends on telling colours apart."""
    if part == FORGOTTEN:
        return {"good": UNDER, "bad": OVER}.get(shown, "")
    return {"good": "kept", "bad": "lost"}.get(shown, "")


def matrix(rows: Sequence[Json]) -> list[Json]:
    """[{"part", "title", "about", "rows": [{"name", "n", "before", "after", "light", "word"}]}], parts that have rows."""
    found = []
    for part, (title, about) in PARTS.items():
        mine = sorted((row for row in rows if row["part"] == part and row.get("n")), key=lambda row: _worst(part, row))
        if mine:
            found.append({"part": part, "title": title, "about": about, "rows": [_row(part, row) for row in mine]})
    return found


def _row(part: str, row: Json) -> Json:
    shown = light(part, row["before"], row["after"])
    return {"name": str(row["name"]), "n": int(row["n"]), "before": _cell(row["before"]), "after": _cell(row["after"]),
            "light": shown, "word": verdict(part, shown)}  # fmt: skip


def _cell(share: Json | None) -> Json:
    """{"text", "reach": of its interval, "at", "low", "high": 0 … 1}."""
    text, reach = words.interval(share, percent=True)
    ends = {end: (share or {}).get(end) for end in ("low", "high")}
    return {"text": text, "reach": reach, "at": (share or {}).get("value"), **ends}


def _worst(part: str, row: Json) -> float:
    before, after = (float((row[side] or {}).get("value") or 0) for side in ("before", "after"))
    return -after if part == FORGOTTEN else after - before


def _known(share: Json | None) -> TypeGuard[Json]:
    return share is not None and all(isinstance(share.get(end), (int, float)) for end in ("value", "low", "high"))
