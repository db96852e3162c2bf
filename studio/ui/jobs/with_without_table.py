"""What a ControlNet or a subject does to each arm, as a table: the same prompts with it and without."""

from __future__ import annotations

from collections.abc import Sequence

from studio.core.files import Json
from studio.jobs.kinds import KINDS as JOBS
from studio.library.measured_arms import KINDS, Column, figure, read_by
from studio.library.training_request import TrainingRequest
from studio.ui.jobs.view import JobView
from studio.ui.kit import words


def table(view: JobView, kind: str) -> Json | None:
    """{"about", "over", "columns", "rows": [{"model", "tone", "when", "cells"}]}; None where nothing is measured yet,
    or the kind of job has no sides. At the last step measured, all arms; before the end that is the base alone."""
    if kind not in KINDS or not view.sides:
        return None
    about = KINDS[kind]
    last = max(int(row["step"]) for row in view.sides)
    rows = [row for row in view.sides if int(row["step"]) == last]
    columns = about.of(rows)
    said = " ".join(filter(None, [about.about, read_by(view.result or {})]))
    return {"about": said, "over": about.over, "columns": [column.name for column in columns],
            "rows": [_row(row, columns) for row in rows]}  # fmt: skip


def heading(kind: str) -> str:
    """Above the table of a job of this kind."""
    return KINDS[kind].title if kind in KINDS else "Response to the slider"


def waiting(view: JobView, kind: str) -> str:
    """What stands there while nothing is measured; "" for other kinds."""
    if kind not in KINDS:
        return ""
    if view.request.get("measure_every") == 0:
        return "This run is not measured."
    if not view.live and view.state != "paused":
        return next((text for text in view.notices if "measured" in text), "This run ended before it was measured.")
    if _on_the_way(view.request, kind):
        return "It is measured on its model on the way, and at the end on its family and a hybrid as well."
    return "It is measured at the end, on the teacher, its students and a hybrid."


def _on_the_way(request: Json, kind: str) -> bool:
    """Whether a run is measured before its last step: as often as was asked for, or as its kind usually is."""
    config = JOBS.get(kind).config
    if (every := request.get("measure_every")) is None:
        return issubclass(config, TrainingRequest) and config.MEASURES > 1
    return int(every) < int(request.get("steps") or config.model_fields["steps"].default)


def _row(row: Json, columns: Sequence[Column]) -> Json:
    arm = str(row.get("arm"))
    tone = "--arm-teacher" if arm == "teacher" else "--arm-hybrid-1" if arm.startswith("hybrid") else "--arm-student"
    return {"model": str(row.get("title") or arm), "tone": tone, "when": f"{row.get('nfe')} evaluations",
            "cells": [words.interval(figure(row, column), percent=column.percent) for column in columns]}  # fmt: skip
