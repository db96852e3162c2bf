"""A run that learned one picture as the board shows it: edits drawn in three ways, what they came to, and what "Try it" opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studio.core.files import Json
from studio.ui.kit import words

WAYS = {"prompt": "text to image", "noised": "image to image", "mixed": "SINE"}
HEADS = ("edit", "drawn by", "shows what it says", "distance to the picture", "evaluations")
NOTE = (
    "Shows what it says: share of pictures in which everything the edit states is right. Distance: mean squared difference to "
    "the picture where its subject is not. Image to image begins with the noised picture and needs no training; it stands here "
    "because it is often as good. Brackets are 95 % intervals."
)
STRIP_NOTE = "Text to image draws from the prompt alone, image to image begins with the noised picture; all from the same noise."


def table(rows: Mapping[tuple[str, int], Json]) -> Json | None:
    """Every arm's edits at the last step; rows: by (arm, step). None where none was measured."""
    measured = {key: row for key, row in rows.items() if row.get("edits")}
    if not measured:
        return None
    last = max(step for _, step in measured)
    found = [_row(row, one) for (_, step), row in measured.items() if step == last for one in row["edits"]]
    return {"heads": HEADS, "rows": found, "note": NOTE}


def _row(arm: Json, one: Json) -> Json:
    name = str(arm.get("arm"))
    tone = "teacher" if "teacher" in name.split("/") else "hybrid-1" if name.startswith("hybrid") else "student"
    cells = [
        (WAYS.get(str(one["way"]), str(one["way"])), str(arm.get("title") or name)),
        words.interval(one.get("attributes"), percent=True),
        words.interval(one.get("background"), 3),
        (f"{one['nfe']:,}", ""),
    ]
    return {"title": str(one["prompt"]), "tone": tone, "cells": cells}


def said(rows: Sequence[Json]) -> list[str]:
    """Of the edits of the model that was taught, in sentences. rows: its edits at the last step."""
    if not rows:
        return ["No edit was drawn: name some in the settings, or try one."]
    mean = {way: _mean([one for one in rows if one["way"] == way]) for way in WAYS}
    (shown, apart), bare, begun = mean["mixed"], mean["prompt"], mean["noised"]
    found = []
    if bare[1]:
        ratios = apart / bare[1], begun[1] / bare[1]
        found.append(
            f"SINE draws the edits {ratios[0]:.2f} times as far from the picture as text to image does, image to image "
            f"{ratios[1]:.2f} times."
        )
    if shown is not None and bare[0] is not None and begun[0] is not None:
        found.append(
            f"{100 * shown:.0f} % of its pictures show all that the edits say; of text to image {100 * bare[0]:.0f} %, of image "
            f"to image {100 * begun[0]:.0f} %."
        )
    return found


def _mean(rows: Sequence[Json]) -> tuple[float | None, float]:
    """(share that is right, None where nobody reads; distance), over edits."""
    right = [float(one["attributes"]["value"]) for one in rows if one.get("attributes")]
    apart = [float(one["background"]["value"]) for one in rows]
    return sum(right) / len(right) if right else None, sum(apart) / max(1, len(apart))


def trial(adapter: str, result: Json, base: str) -> Json:
    """What "Try it" opens in Compare: {"adapter", "word", "base", "prompt", "mix"}."""
    ways = result.get("ways") or {}
    edits = [str(one["prompt"]) for row in result.get("edited") or [] for one in row.get("edits") or []]
    above = "" if ways.get("above") is None else f"@{float(ways['above']):g}"
    mix = f"{adapter}={float(ways.get('beta', 0.7)):g}{above}"
    return {"adapter": adapter, "word": str(result.get("word") or ""), "base": base, "mix": mix,
            "prompt": edits[0] if edits else str(result.get("source") or "")}  # fmt: skip
