"""The wall of an unlearning: pictures that were measured, before and after on the same noise, failures first, by block."""

from __future__ import annotations

from studio.core.explain import count
from studio.core.files import Json

TITLES = {"forgotten": "Asked for it", "in its domain": "Others of its kind", "across domains": "Everything else"}
STILL, BROKE, BEFORE = "still shows it", "broke", "wrong before too"
NOTE = (
    "Before and after from the same noise, of those that were measured. Failures come first: pictures that still show what was "
    "to go, then prompts that were right before and are not any more, then those that were wrong before too."
)


def wall(measured: Json | None) -> Json | None:
    """measured: {"step", "blocks"} of an event. {"step", "note", "blocks": [{"title", "said", "strip", "pairs": [{"prompt",
    "seed", "mark", "bad"}]}]}, the i-th pair at 2 i and 2 i + 1 of the strip; None before the first."""
    if measured is None:
        return None
    return {"step": measured["step"], "note": NOTE, "blocks": [_block(one) for one in measured["blocks"]]}


def _block(one: Json) -> Json:
    name, n = str(one["name"]), len(one["prompts"])
    wrong, was = (one.get(key) or [None] * n for key in ("wrong", "was_wrong"))
    marks = [_mark(name, *each) for each in zip(wrong, was, strict=True)]
    pairs = [{"prompt": str(text), "seed": int(seed), "mark": mark, "bad": mark in (STILL, BROKE)}
             for text, seed, mark in zip(one["prompts"], one["seeds"], marks, strict=True)]  # fmt: skip
    return {"title": TITLES.get(name, name), "said": _said(one), "strip": str(one["strip"]), "pairs": pairs}


def _mark(name: str, wrong: bool | None, was_wrong: bool | None) -> str:
    if not wrong:
        return ""
    if name == "forgotten":
        return STILL
    return BEFORE if was_wrong else BROKE


def _said(one: Json) -> str:
    """How many of all failed; "" where nobody read them."""
    failed, of = one.get("failed"), int(one["of"])
    shown = f"{len(one['prompts'])} of them here" if len(one["prompts"]) < of else ""
    if failed is None:
        return shown
    if one["name"] == "forgotten":
        told = f"{failed} of {count(of, 'picture')} still {'shows' if failed == 1 else 'show'} it"
    else:
        broke, also = failed - int(one["also_before"]), int(one["also_before"])
        told = f"{broke} of {count(of, 'picture')} broke" + (f", {also} were wrong before too" if also else "")
    return "; ".join(filter(None, [told, shown]))
