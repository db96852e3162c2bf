"""Pictures of a background run over its training steps, as the jobs panel draws them: strips, and what the networks believe."""

from __future__ import annotations

from studio.core.files import Json
from studio.ui.jobs.view import JobView
from studio.ui.kit import words

ROWS: dict[str, tuple[str, str, str]] = {  # of the picture of beliefs: heading, what it is, colour
    "noised": ("x noised", "xₜ, which both look at", "--ink-3"),
    "teacher": ("Teacher", "x̂₀ from xₜ", "--arm-teacher"),
    "fake": ("Fake score", "x̂₀ from xₜ", "--arm-skip-first"),
    "student": ("Student", "x̂₀ from xₜ", "--arm-student"),
}


def strips(view: JobView) -> Json | None:
    """Strips over time by step count, with the teacher's beside them; None before the first."""
    if not view.strips:
        return None
    counts = {str(n): [{"step": step, **by[step]} for step in sorted(by)] for n, by in sorted(view.strips.items())}
    return {"teacher": view.teacher, "counts": counts}


def beliefs(view: JobView) -> Json | None:
    """The picture of beliefs over time, with words for its rows and columns; None before the first."""
    if not view.beliefs:
        return None
    newest = view.beliefs[max(view.beliefs)]
    w, rows = newest.get("guidance") or 1, []
    for role in newest["rows"]:
        heading, what, tone = ROWS.get(role, (role.capitalize(), "x̂₀ from xₜ", "--ink-3"))
        rows.append([heading, f"{what}, guided {w:g}" if role == "teacher" and w != 1 else what, tone])
    if newest["of"] == "student":
        drawn = words.count(int(newest["sampling_steps"] or 1), "step")
        about = (
            f"x is the student's own sample, drawn in {drawn}. Training moves it along the difference of the two lower rows: "
            "where they agree, nothing is left to learn. A fake score that does not know x again at little noise lags behind."
        )
    else:
        about = (
            "x is the teacher's sample. The student is to know at once where the teacher gets step by step, so that its x̂₀ gets "
            "sharper than the teacher's."
        )
    columns = [f"t = {column['t']:.0f}" for column in newest["columns"]]
    levels = [f"noise {column['noise']:.2g}×" for column in newest["columns"]]
    steps = [{"step": step, **{k: by[k] for k in ("triple", "prompts", "seed")}} for step, by in sorted(view.beliefs.items())]
    return {"about": about, "rows": rows, "columns": columns, "levels": levels, "steps": steps}
