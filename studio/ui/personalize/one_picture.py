"""A run that learned one picture as the board shows it: edits drawn in three ways, what they came to, and what "Try it" opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studio.core.files import Json
from studio.ui.kit import words

WAYS = {"prompt": "text to image", "noised": "image to image", "mixed": "SINE"}
ENOUGH = 0.95  # of the share that text to image reaches
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
        (_title(one), str(arm.get("title") or name)),
        words.interval(one.get("attributes"), percent=True),
        words.interval(one.get("background"), 3),
        (f"{one['nfe']:,}", ""),
    ]
    return {"title": str(one["prompt"]), "tone": tone, "cells": cells}


def said(rows: Sequence[Json]) -> list[str]:
    """Of the edits of the model that was taught, in sentences. rows: its edits at the last step."""
    if not rows:
        return ["No edit was drawn: name some in the settings, or try one."]
    mean = {title: _mean([one for one in rows if _title(one) == title]) for title in dict.fromkeys(map(_title, rows))}
    found, far = [], mean[WAYS["prompt"]][1]
    for title, (right, apart) in mean.items():
        shown = "" if right is None else f"shows all that the edits say in {100 * right:.0f} % of its pictures"
        near = (
            "" if title == WAYS["prompt"] or not far else f"lies {apart / far:.2f} times as far from the picture as text to image"
        )
        if shown or near:
            found.append(f"{title[:1].upper()}{title[1:]} {' and '.join(filter(None, [shown, near]))}.")
    return found


def _title(one: Json) -> str:
    beta = one.get("beta")
    return WAYS.get(str(one["way"]), str(one["way"])) + ("" if beta is None else f", β {float(beta):g}")


def best(rows: Sequence[Json], betas: Sequence[float]) -> float:
    """The largest β whose pictures show the edits nearly as often as text to image does; the smallest where none does."""
    bare = _mean([one for one in rows if one["way"] == "prompt"])[0]
    right = {beta: _mean([one for one in rows if one.get("beta") == beta])[0] for beta in sorted(betas, reverse=True)}
    kept = [beta for beta, share in right.items() if share is not None and bare is not None and share >= ENOUGH * bare]
    return kept[0] if kept else min(betas)


def _mean(rows: Sequence[Json]) -> tuple[float | None, float]:
    """(share that is right, None where nobody reads; distance), over edits."""
    right = [float(one["attributes"]["value"]) for one in rows if one.get("attributes")]
    apart = [float(one["background"]["value"]) for one in rows]
    return sum(right) / len(right) if right else None, sum(apart) / max(1, len(apart))


def trial(adapter: str, result: Json, base: str) -> Json:
    """What "Try it" opens in Compare: {"adapter", "word", "base", "prompt", "mix"}."""
    ways: Json = result.get("ways") or {}
    rows: Sequence[Json] = result.get("edited") or []
    own = [row["edits"] for row in rows if row["arm"] == rows[0]["arm"]]  # of the model that was taught, by step
    edits = own[-1] if own else []
    above = "" if ways.get("above") is None else f"@{float(ways['above']):g}"
    mix = f"{adapter}={best(edits, [float(beta) for beta in ways.get('betas') or [0.5]]):g}{above}"
    return {"adapter": adapter, "word": str(result.get("word") or ""), "base": base, "mix": mix,
            "prompt": str(edits[0]["prompt"]) if edits else str(result.get("source") or "")}  # fmt: skip
