"""What a background run leaves behind, as a list of files with their places below the data folder."""

from __future__ import annotations

from pathlib import Path

from studio.core.files import Json
from studio.jobs.paths import Paths
from studio.ui.jobs.view import JobView
from studio.ui.kit import words
from studio.ui.kit.words import size

KEPT = (  # files of the run directory that are there sooner or later, and what they are
    ("spec.json", "the request, which can be run again"),
    ("events.jsonl", "what happened, line by line"),
    ("metrics.jsonl", "losses and numbers of every step"),
    ("measures.json", "figures of every measurement"),
    ("result.json", "what came of it"),
    ("env.json", "versions and device"),
    ("log.txt", "warnings and errors in full"),
)


def listed(paths: Paths, view: JobView) -> list[Json]:
    """{"text", "where" (below the data folder), "size", "open" (a file of the run that a browser can show, or "")}."""
    folder = paths.run(view.run_id)
    run = folder.relative_to(paths.root).as_posix()
    found = [*_pictures(run, view), *_student(paths, view)]
    for path in sorted((folder / "checkpoints").glob("*.pt")):
        found.append(_entry("checkpoint, which the run continues from", f"{run}/checkpoints/{path.name}", _bytes(path)))
    if (board := folder / "tensorboard").is_dir():
        found.append(_entry("TensorBoard files", f"{run}/tensorboard", _whole(board)))
    for name, text in KEPT:
        if (path := folder / name).is_file():
            found.append(_entry(text, f"{run}/{name}", _bytes(path)))
    return found


def _pictures(run: str, view: JobView) -> list[Json]:
    """One line for each kind of picture; its newest is what opens."""
    found = []
    if view.teacher:
        strip = view.teacher["strip"]
        found.append(_entry("strip of the teacher", f"{run}/{strip}", None, strip))
    for n, by in sorted(view.strips.items()):
        newest = by[max(by)]["strip"]
        text = f"{words.count(len(by), 'strip')} of the student in {words.count(n, 'step')}, the newest at {max(by):,}"
        found.append(_entry(text, f"{run}/artifacts/strips", None, newest))
    if view.beliefs:
        newest = view.beliefs[max(view.beliefs)]["triple"]
        text = f"{words.count(len(view.beliefs), 'picture')} of beliefs, the newest at {max(view.beliefs):,}"
        found.append(_entry(text, f"{run}/artifacts/beliefs", None, newest))
    return found


def _student(paths: Paths, view: JobView) -> list[Json]:
    if not view.student:
        return []
    folder = paths.models / view.student
    there = folder.is_dir()
    text = f"the student {view.student}, a diffusers folder" if there else f"the student {view.student}, removed since"
    return [_entry(text, folder.relative_to(paths.root).as_posix(), _whole(folder) if there else None)]


def _entry(text: str, where: str, n_bytes: int | None, opens: str = "") -> Json:
    return {"text": text, "where": where, "size": "" if n_bytes is None else size(n_bytes), "open": opens}


def _bytes(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:  # renamed or removed this moment
        return None


def _whole(folder: Path) -> int:
    return sum(_bytes(path) or 0 for path in folder.rglob("*") if path.is_file())
