"""What a slider does to each model, as a table: the mean reading at every strength, slope and rank correlation."""

from __future__ import annotations

from studio.core.files import Json
from studio.ui.jobs.view import JobView
from studio.ui.kit import words

MOST = 8  # measurements on the way that are listed, the newest


def table(view: JobView) -> Json | None:
    """{"about", "strengths", "rows": [{"model", "tone", "when", "cells", "slope", "spearman", "even"}]}; None while nothing
    is measured. Cells and slopes are (figure, its interval).

    Once a slider is calibrated, the models at the strengths it is shipped with; before that the one it is trained on, as it
    was measured on the way.
    """
    rows = [row for row in view.responses if row.get("points")]
    final = [row for row in rows if row.get("calibrated")]
    shown = final or rows[-MOST:]
    if not shown:
        return None
    strengths = sorted({float(point["strength"]) for row in shown for point in row["points"]})
    return {
        "about": _about(shown[-1], bool(final), view.calibration),
        "strengths": [_signed(s) for s in strengths],
        "rows": [_row(row, strengths) for row in shown],
    }


def waiting(view: JobView, kind: str) -> str:
    """What stands there while nothing is measured; "" for kinds of job whose measurements are drawn as curves."""
    if kind != "slider":
        return ""
    every, steps = view.request.get("measure_every"), view.request.get("steps")
    if every == 0:
        return "This slider is not measured, so its strength 1 stays the adapter's own scale."
    if view.calibration.get("sentence"):  # it came to its end, and nobody could read what it moves
        return str(view.calibration["sentence"])
    if not view.live and view.state != "paused":
        return "This run ended before the slider was measured."
    on_the_way = f"every {words.count(int(every), 'step')} and " if every and every != steps else ""
    return f"How the reading follows the strength is measured {on_the_way}at the end, on its model and on those of its family."


def _about(row: Json, is_final: bool, calibration: Json) -> str:
    pictures = f"Mean of {words.count(int(row['n']), 'picture')} a strength" if row.get("n") else "Mean reading by strength"
    unit = f", in {row['unit']}" if row.get("unit") else ""
    scale = "" if is_final else " Strengths are the adapter's own scale until it is calibrated."
    said = f" {calibration['sentence']}" if is_final and calibration.get("sentence") else ""
    slope = "with its 95 % interval; the slope is a unit of strength's, from −1 to 1."
    return f"{pictures}{unit}, the same seeds at each, {slope}{scale}{said}"


def _row(row: Json, strengths: list[float]) -> Json:
    found = {float(point["strength"]): point for point in row["points"]}
    cells = [_figure(found[s], "amount") if s in found else (words.NO_VALUE, "") for s in strengths]
    even = row.get("even") or [0.0, 0.0]
    step = "" if row.get("calibrated") else f"step {int(row.get('step') or 0):,}"
    return {
        "model": str(row.get("title") or row.get("model")),
        "tone": "--arm-teacher" if row.get("role") == "teacher" else "--arm-student",
        "when": step,
        "cells": cells,
        "slope": _figure(row.get("slope") or {}, "value"),
        "spearman": words.number(row.get("spearman")),
        "even": f"{_signed(float(even[0]))} to {_signed(float(even[1]))}" if even[0] != even[1] else words.NO_VALUE,
    }


def _figure(measure: Json, key: str) -> tuple[str, str]:
    return words.interval({"value": measure.get(key), "low": measure.get("low"), "high": measure.get("high")}, 3)


def _signed(strength: float) -> str:
    return _minus(f"{strength:g}")


def _minus(text: str) -> str:
    return text.replace("-", "−")
