"""What a training kept of its adapter at each measurement, as a table to pick from."""

from __future__ import annotations

from studio.core.files import Json
from studio.jobs.events import ACTIVE
from studio.jobs.info import RunInfo
from studio.jobs.jobs import Jobs
from studio.library import picks
from studio.library.measured_arms import figure
from studio.ui.kit import words


def table(jobs: Jobs, info: RunInfo) -> Json | None:
    """{"about", "columns", "rows": [{"step", "cells", "worn"}], "may": whether one can be picked now}; None without any."""
    found, columns = picks.kept(jobs, info.id), picks.columns(info.kind)
    if not found:
        return None
    may = info.state not in (*ACTIVE, "queued")
    about = f"The adapter is kept at each measurement, the newest {picks.KEPT}. Figures are of the model it is trained on."
    rows = [{"step": one.step, "cells": [words.interval(figure(one.row, column), percent=column.percent) for column in columns],
             "worn": one.worn} for one in found]  # fmt: skip
    wait = "" if may else " One can be picked once the run has ended or is stopped."
    return {"about": about + wait, "columns": [column.name for column in columns], "rows": rows, "may": may}
