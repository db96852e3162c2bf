"""What was made: past runs as lists show them, opened again, repeated, deleted, taken elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.core import demo
from studio.core.files import Json, read_json
from studio.jobs.events import last_event
from studio.jobs.info import RunInfo
from studio.jobs.jobs import Jobs


@dataclass(frozen=True)
class Opened:
    """A run with all that is needed to show it without having watched it."""

    info: RunInfo
    request: Json
    result: Json | None  # what is finished, also of a run that was stopped
    progress: Json | None  # its last progress event
    environment: Json | None
    parent: str | None


def list_runs(jobs: Jobs, *, kind: str | None = None, states: Sequence[str] = (), limit: int = 50) -> list[RunInfo]:
    """Newest first."""
    return jobs.list(kind=kind, states=states, limit=limit)


def open_run(jobs: Jobs, run_id: str) -> Opened:
    """ValueError in one sentence when there is no such run or it cannot be read."""
    info = jobs.get(run_id)
    folder = jobs.paths.run(run_id)
    spec = jobs.spec(run_id)
    return Opened(
        info,
        spec.config,
        jobs.result(run_id),
        last_event(folder / "events.jsonl", "progress"),
        read_json(folder / "env.json"),
        spec.parent,
    )


def rerun(jobs: Jobs, run_id: str, **changes: object) -> str:
    """Submit the same request again, with some fields changed; returns the new run's id."""
    spec = jobs.spec(run_id)
    return jobs.submit(spec.kind, {**spec.config, **changes}, lane=spec.lane, parent=run_id)


def delete_run(jobs: Jobs, run_id: str) -> None:
    """To the trash. ValueError while it has not ended."""
    demo.check("delete")
    jobs.delete(run_id, to_trash=True)


def restore_run(jobs: Jobs, run_id: str) -> RunInfo:
    """Out of the trash. ValueError when it is not there."""
    demo.check("delete")
    return jobs.restore(run_id)


def empty_trash(jobs: Jobs, only: Sequence[str] | None = None) -> list[str]:
    """Remove what lies in the trash, or these of it, for good; their ids."""
    demo.check("delete")
    return jobs.trash.purge(only=only)


def export(jobs: Jobs, run_id: str, target: Path) -> list[Path]:
    """Copy a run's pictures and `result.json` into `target` (made when missing); the files written.

    Pictures lie in a folder per arm. Existing files of the same name are replaced, others are left alone.
    """
    source = jobs.paths.run(run_id)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for path in sorted((source / "artifacts").rglob("*.png")):
        copy = target / path.relative_to(source / "artifacts")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        written.append(copy)
    if (source / "result.json").exists():
        shutil.copyfile(source / "result.json", target / "result.json")
        written.append(target / "result.json")
    return written
