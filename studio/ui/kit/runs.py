"""What every part of the page says of runs and of the worker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from studio.core.files import Json
from studio.jobs.events import ACTIVE
from studio.jobs.info import LaneStatus, RunInfo
from studio.jobs.jobs import Jobs

LANE, BACKGROUND = "interactive", "batch"
RECENT = 24  # runs in the drawer


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


def worker(jobs: Jobs) -> Json:
    """The header: {"state": "ready" | "busy" | "loading" | "away", "text", "title", "jobs": those in the background}."""
    return worker_chip(jobs.status(LANE)) | {"jobs": counts(jobs)}


def together(*lists: Sequence[Json]) -> list[Json]:
    """Cards of several kinds of run, newest first: an id begins with its time."""
    return sorted((card for cards in lists for card in cards), key=lambda card: str(card["id"]), reverse=True)[:RECENT]
