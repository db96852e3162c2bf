"""What a ControlNet or a new word does to each arm, as a table: the same prompts with it and without."""

from __future__ import annotations

from studio.core.files import Json
from studio.ui.jobs.view import JobView
from studio.ui.kit import words

# kind of job -> (heading of the table, what its shares are of, (column, side, place of the share in that side))
TABLES: dict[str, tuple[str, str, list[tuple[str, str, tuple[str, ...]]]]] = {
    "controlnet": (
        "With the hint and without",
        "Share of pictures whose position, size and horizon are all the hint's, with its 95 % interval; every picture has a "
        "hint of its own. Position and horizon alone, and whether the prompt is still right, with the hint.",
        [("all, with", "with", ("agreement", "where")), ("all, without", "without", ("agreement", "where")),
         ("position", "with", ("agreement", "position")), ("horizon", "with", ("agreement", "horizon")),
         ("prompt right", "with", ("accuracy",))],
    ),
    "word": (
        "With the word and without",
        "Share of pictures that show all that the word was taught, with its 95 % interval: with the word, told in known words, "
        "and without; then whether what the prompt says besides is still right with the word.",
        [("with", "with", ("shown",)), ("told", "told", ("shown",)), ("without", "without", ("shown",)),
         ("rest right", "with", ("accuracy",))],
    ),
}  # fmt: skip


def table(view: JobView, kind: str) -> Json | None:
    """{"about", "over", "columns", "rows": [{"model", "tone", "when", "cells"}]}; None where nothing is measured yet,
    or the kind of job has no sides. At the last step measured, all arms; before the end that is the teacher alone."""
    if kind not in TABLES or not view.sides:
        return None
    _, about, columns = TABLES[kind]
    last = max(int(row["step"]) for row in view.sides)
    rows = [row for row in view.sides if int(row["step"]) == last]
    return {"about": about, "over": "share of pictures", "columns": [name for name, _, _ in columns],
            "rows": [_row(row, columns) for row in rows]}  # fmt: skip


def heading(kind: str) -> str:
    """Above the table of a job of this kind."""
    return TABLES[kind][0] if kind in TABLES else "Response to the slider"


def waiting(view: JobView, kind: str) -> str:
    """What stands there while nothing is measured; "" for other kinds."""
    if kind not in TABLES:
        return ""
    if view.request.get("measure_every") == 0:
        return "This run is not measured."
    if not view.live and view.state != "paused":
        return next((text for text in view.notices if "measured" in text), "This run ended before it was measured.")
    return "It is measured at the end, on the teacher, its students and a hybrid."


def _row(row: Json, columns: list[tuple[str, str, tuple[str, ...]]]) -> Json:
    arm = str(row.get("arm"))
    tone = "--arm-teacher" if arm == "teacher" else "--arm-hybrid-1" if arm.startswith("hybrid") else "--arm-student"
    return {"model": str(row.get("title") or arm), "tone": tone, "when": f"{row.get('nfe')} evaluations",
            "cells": [_cell(row.get(side) or {}, place) for _, side, place in columns]}  # fmt: skip


def _cell(found: Json, place: tuple[str, ...]) -> tuple[str, str]:
    value: Json | None = found
    for name in place:
        value = (value or {}).get(name)
    if not value or value.get("value") is None:
        return words.NO_VALUE, ""
    figure, interval = words.interval({k: None if value.get(k) is None else 100 * value[k] for k in ("value", "low", "high")}, 0)
    return f"{figure} %", interval
