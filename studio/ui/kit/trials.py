"""What a form says of time and memory before the start, and trials that find it out."""

from __future__ import annotations

from collections.abc import Callable

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.library.cost_words import told

MEASURE = "Measure it"
STEPS = 1000  # of a form that says none


def start(jobs: Jobs, kind: str, asked: Json) -> str:
    """A trial of a request; its run. ValueError in one sentence."""
    return jobs.submit("trial", {"kind": kind, "request": asked})


def state(jobs: Jobs, run_id: str) -> tuple[bool, str]:
    """(whether a trial has ended, what it does or why it failed). One that has ended is deleted: what it found is kept."""
    info = jobs.get(run_id)
    if not info.final:
        waits = f"{info.ahead} before it" if info.state == "queued" and info.ahead else info.note.rstrip(".")
        return False, f"Measuring a few steps of it: {waits}." if waits else "Measuring a few steps of it."
    jobs.discard(run_id)
    return True, "" if info.state == "done" else f"It could not be measured: {info.note or info.state}"


def served(jobs: Jobs, kind: str, request: Callable[[Json], Json]) -> list[Callable[[Json], Json]]:
    """What the script of a form may ask for (`assets/ui/kit/estimate.js`). request: of what the form holds."""

    def price(form: Json) -> Json:
        """{"said": one sentence, "measure": whether a trial would tell more}; nothing of a form that would not start."""
        try:
            found = told(jobs, kind, request(form))
        except (ValueError, KeyError, TypeError):
            return {"said": "", "measure": False}
        return {"said": found.sentence, "measure": not found.same}

    def measure(form: Json) -> Json:
        """{"run", "said"} of a trial, or {"problem"}."""
        try:
            return {"run": start(jobs, kind, request(form)), "said": "Measuring a few steps of it."}
        except (ValueError, KeyError, TypeError) as error:
            return {"problem": str(error)}

    def measured(asked: Json) -> Json:
        """{"run", "form"} -> {"run", "said"} while the trial goes on; then what `price` says, or {"problem"}."""
        try:
            ended, said = state(jobs, str(asked["run"])[:80])
        except (ValueError, KeyError, TypeError) as error:
            return {"problem": str(error)}
        if not ended:
            return {"run": asked["run"], "said": said}
        return {"problem": said} if said else price(dict(asked.get("form") or {}))

    return [price, measure, measured]
