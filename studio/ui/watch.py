"""What the page asks about runs: one look at a run, the list of recent ones, the state of the worker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from studio.jobs.events import ACTIVE
from studio.jobs.info import LaneStatus, RunInfo
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.ui import say
from studio.ui.view import RunView, Views

LANE, BACKGROUND = "interactive", "batch"
RECENT = 24  # runs in the drawer
Json = dict[str, Any]


class Watch:
    """Reads runs for the page; never starts or changes one."""

    def __init__(self, jobs: Jobs):
        self.jobs = jobs
        self._views: Views[RunView] = Views(jobs.tail)

    def look(self, run_id: str) -> tuple[RunView, int]:
        """(the run as it is now, runs ahead of it). ValueError when there is no such run or it is no comparison."""
        info = self.jobs.get(run_id)
        if info.kind != "compare":
            raise ValueError(f"Run {run_id} is a {info.kind} job; this tab shows comparisons only.")
        view = self._views.look(run_id, lambda: self._new(run_id), lambda: self.jobs.result(run_id))
        if info.final and view.live:  # the index knows the end before the log does when a worker was killed
            view.state, view.note = info.state, info.note
            view.finish(self.jobs.result(run_id))
        return view, info.ahead

    def _new(self, run_id: str) -> RunView:
        request = self.jobs.spec(run_id).config
        try:
            student = load_registry(self.jobs.paths).pair(request["pair"]).student
            steps = student.steps if student.recipe else 4
        except ValueError:  # its models have gone; what it made can still be looked at
            steps = 4
        return RunView(run_id, request, steps)

    def recent(self) -> list[Json]:
        """The newest comparisons for the drawer."""
        cards = []
        for info in self.jobs.list(kind="compare", limit=RECENT):
            try:
                view, _ = self.look(info.id)
            except (ValueError, KeyError):
                continue  # a folder somebody edited by hand is not worth losing the list
            pictures = [path for row in view.rows.values() for path in list(row["images"].values())[:2]][:4]
            about = " · ".join([when(info.created), say.count(len(view.seeds), "seed"), say.count(len(view.rows), "arm")])
            cards.append(
                {"id": info.id, "prompt": view.request["prompt"], "about": about, "state": info.state, "pictures": pictures}
            )
        return cards

    def worker(self) -> Json:
        """The header: {"state": "ready" | "busy" | "loading" | "away", "text", "title", "jobs": those in the background}."""
        return worker_chip(self.jobs.status(LANE)) | {"jobs": counts(self.jobs)}


def counts(jobs: Jobs) -> Json:
    """Runs in the background that go on or wait: {"active", "running", "text" in words}."""
    return counted(jobs.list(lane=BACKGROUND, states=(*ACTIVE, "queued"), limit=1000))


def counted(infos: Sequence[RunInfo]) -> Json:
    """The same of runs that were read already."""
    running = sum(info.state in ACTIVE for info in infos)
    queued = sum(info.state == "queued" for info in infos)
    said = [f"{n} {word}" for n, word in ((running, "running"), (queued, "waiting")) if n]
    return {"active": running + queued, "running": running, "text": " · ".join(said)}


def worker_chip(status: LaneStatus) -> Json:
    """Words for a lane's status."""
    device = (status.device or "").upper().split(":")[0]
    kind, text = {
        "ready": ("ready", "models ready" if status.models else "ready"),
        "busy": ("busy", "drawing"),
        "warming": ("loading", "models loading"),
        "starting": ("loading", "models loading"),
        "absent": ("loading", "starting"),
    }.get(status.state, ("away", "not answering"))
    opened = f" Opened: {', '.join(status.models)}." if status.models else ""
    return {"state": kind, "text": " · ".join(filter(None, [device, text])), "title": f"{status.note}{opened}"}


def when(created: float) -> str:
    """A moment in the past: "3 min ago", "14:05", "2 Mar"."""
    age = time.time() - created
    if age < 60:
        return "just now"
    if age < 3600:
        return f"{int(age // 60)} min ago"
    moment = datetime.fromtimestamp(created)
    return moment.strftime("%H:%M") if age < 20 * 3600 else f"{moment.day} {moment.strftime('%b')}"
