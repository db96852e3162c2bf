"""What was made: past runs as lists show them, opened again, repeated, deleted, taken elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.core.files import read_json
from studio.core.recipe import weights_hash
from studio.services.events import last_event
from studio.services.info import RunInfo
from studio.services.jobs import Jobs
from studio.services.models import Registry

HASH_BYTES = 200 << 20  # weights of more bytes than this are not read while a person waits


@dataclass(frozen=True)
class Opened:
    """A run with all that is needed to show it without having watched it."""

    info: RunInfo
    request: dict[str, Any]
    result: dict[str, Any] | None  # what is finished, also of a run that was stopped
    progress: dict[str, Any] | None  # its last progress event
    environment: dict[str, Any] | None
    parent: str | None


def list_runs(jobs: Jobs, *, kind: str | None = None, states: Sequence[str] = (), limit: int = 50) -> list[RunInfo]:
    """Newest first."""
    return jobs.list(kind=kind, states=states, limit=limit)


def open_run(jobs: Jobs, run_id: str) -> Opened:
    """ValueError in one sentence when there is no such run or it cannot be read."""
    info = jobs.get(run_id)
    folder = jobs.paths.run(run_id)
    spec = jobs.spec(run_id)
    return Opened(info, spec.config, jobs.result(run_id), last_event(folder / "events.jsonl", "progress"),
                  read_json(folder / "env.json"), spec.parent)  # fmt: skip


def rerun(jobs: Jobs, run_id: str, **changes: Any) -> str:
    """Submit the same request again, with some fields changed; returns the new run's id."""
    spec = jobs.spec(run_id)
    return jobs.submit(spec.kind, {**spec.config, **changes}, lane=spec.lane, parent=run_id)


def delete_run(jobs: Jobs, run_id: str) -> None:
    jobs.delete(run_id)


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


def changed_models(made_with: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Sentences for models whose weights are no longer those a picture or an older run was made with.

    Both arguments are the `models` of a result or of a picture: {id: {"hash", "title"}}.
    """
    out = []
    for model_id, then in made_with.items():
        old, new = (then or {}).get("hash"), (now.get(model_id) or {}).get("hash")
        if old and new and old != new:
            out.append(f"{model_id} has other weights now ({new}) than then ({old}); the pictures will differ.")
    return out


def hashes(model_ids: Iterable[str], registry: Registry, limit_bytes: int = HASH_BYTES) -> dict[str, Any]:
    """{id: {"hash"}} of models that are here and small enough to be read while a person waits."""
    found = {}
    for model_id in model_ids:
        entry = registry.entries.get(model_id)
        if entry is not None and entry.available:
            size = sum(path.stat().st_size for path in entry.folder.rglob("*.safetensors"))
            if 0 < size <= limit_bytes:
                found[model_id] = {"hash": weights_hash(entry.folder)}
    return found


def missing_models(made_with: dict[str, Any], registry: Registry) -> list[str]:
    """Sentences for models of a picture that cannot be opened here."""
    out = []
    for model_id in made_with:
        entry = registry.entries.get(model_id)
        if entry is None:
            out.append(f"{str(model_id)[:60]} is not on this machine.")
        elif not entry.available:
            out.append(entry.reason)
    return out
