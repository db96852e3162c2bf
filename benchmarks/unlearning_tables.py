"""What the benchmark of unlearning prints, in UnlearnCanvas's terms (Zhang et al. 2024, arXiv 2402.11846), and verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from benchmarks.pooled_tables import OVER_SEEDS, cell, effort, grouped, over_seeds, table
from studio.core.files import Json
from studio.metrics.interval import Interval

HEADS = ["shown before", "UA", "rest right", "IRA", "CRA", "kept of before", "FD ÷ before"]
GOALS = {"teacher": (0.02, 0.97), "student": (0.05, 0.90)}  # shown at most, other prompts kept at least
Runs = Sequence[Json]
ABOUT = (
    "UA: share of the concept's pictures that do not show it any more. Rest right: that show what else they were asked for. "
    "IRA: other values of its factor that are shown as asked, CRA: everything else that prompts state. Kept: share of other "
    "prompts that show all they state, over what it was on the same noises; the Fréchet distance likewise. Prompts and noises "
    "are those of no training. CPU minutes hold what is measured on the way. " + OVER_SEEDS
)


def page(found: Runs, missing: int, planned: int) -> list[str]:
    """Lines of markdown. missing: runs of the planned ones that are still to come."""
    lines = ["## Measured", "", ABOUT, ""]
    if missing:
        lines += [f"{missing} of {planned} runs are still to come.", ""]
    for size in ("nano", "pocket"):
        if rows := [one for one in found if one["case"]["size"] == size]:
            lines += [f"### {size.title()}", "", *verdicts(rows), "", "On the model that was to forget:", "", *_own(rows), "",
                      "Worn by others of its family, at strength 1:", "", *_worn(rows), ""]  # fmt: skip
    return lines


def verdicts(found: Runs) -> list[str]:
    """One line a method and model: whether it holds that the concept is gone and other prompts are kept, over all its runs."""
    groups = grouped(("", one["case"]["method"], one["case"]["model"], one, one["rows"][0]) for one in found)
    lines = []
    for (_, method, model), rows in groups:
        shown, kept = GOALS["teacher" if model == "teacher" else "student"]
        gone = _said(over_seeds([row["hit"] for _, row in rows]), most=shown)
        held = _said(over_seeds([row["damage"]["kept"] for _, row in rows]), least=kept)
        runs = f"{len(rows)} run{'s' if len(rows) > 1 else ''}"
        lines.append(
            f"- {method} on {model}: the concept in at most {shown:.0%} of its pictures {gone}; other prompts keep at least "
            f"{kept:.0%} {held}; {runs}."
        )
    return lines


def _said(figure: Interval | None, *, least: float = 0.0, most: float = math.inf) -> str:
    """Holds where the whole interval lies within, does not where none of it does, is open in between."""
    if figure is None or figure.low is None or figure.high is None:
        return "is not measured"
    within = least <= figure.low and figure.high <= most
    outside = figure.high < least or figure.low > most
    said = "holds" if within else "does not hold" if outside else "is open"
    return f"{said} ({figure.text(1, percent=True)})"


def _own(found: Runs) -> list[str]:
    groups = grouped((one["case"]["concept"], one["case"]["method"], one["case"]["model"], one, one["rows"][0]) for one in found)
    return table(["concept", "method", "model", "seeds", *HEADS, "updates", "CPU minutes"], groups, figures, effort)


def _worn(found: Runs) -> list[str]:
    groups = grouped((one["case"]["concept"], f"{one['case']['method']}, {one['case']['model']}", row["title"], one, row)
                     for one in found for row in one["rows"][1:])  # fmt: skip
    return table(["concept", "made by, on", "worn by", "seeds", *HEADS], groups, figures)


def figures(rows: Sequence[tuple[Json, Json]]) -> list[str]:
    """Cells of one method on one model: (run, row) of each seed."""
    places: tuple[tuple[Callable[[Json], Json | None], bool], ...] = (
        (lambda row: row["hit_before"], True), (lambda row: row["forgotten"], True), (lambda row: row["rest"], True),
        (lambda row: row["in_domain"]["after"], True), (lambda row: row["cross_domain"]["after"], True),
        (lambda row: row["damage"]["kept"], True), (lambda row: row["damage"]["fd"], False),
    )  # fmt: skip
    return [cell([figure(row) for _, row in rows], percent) for figure, percent in places]
