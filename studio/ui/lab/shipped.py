"""Studies that came with the program (`python -m benchmarks.shipped`): listed and opened as runs are, and said to be shipped."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from studio.core.files import Json, read_json
from studio.jobs.jobs import Jobs
from studio.jobs.paths import ASSETS
from studio.library.models import load_registry
from studio.library.provenance import changed_models, hashes
from studio.ui.kit import words

FOLDER = ASSETS / "shipped" / "studies"
MARK = "shipped-"  # before the name of one, in place of a run's id


def names(folder: Path = FOLDER) -> list[str]:
    """Ids of all of them."""
    return [f"{MARK}{file.stem}" for file in sorted(folder.glob("*.json"))]


def is_shipped(run_id: str) -> bool:
    return run_id.startswith(MARK)


def result(run_id: str, folder: Path = FOLDER) -> Json:
    """The result of one, with "shipped": {"date"}. ValueError where there is none."""
    if run_id not in names(folder):
        raise ValueError(f"No study called {run_id[:60]} came with this copy of the program.")
    return _read(str(folder / f"{run_id.removeprefix(MARK)}.json"))


@cache
def _read(file: str) -> Json:
    found = read_json(Path(file))
    if found is None or not isinstance(found.get("request"), dict):
        raise ValueError("This shipped study cannot be read.")
    return found


def card(run_id: str, title: str) -> Json:
    found = result(run_id)
    return {"run": run_id, "title": title, "about": f"shipped · {about(found)}", "state": "shipped"}


def about(found: Json) -> str:
    """Of which pair, from how much, and when."""
    asked = found["request"]
    drawn = f"{words.count(len(asked['prompts']), 'prompt')} × {words.count(asked['seeds'], 'seed')}"
    return f"{asked['pair']} · {drawn} · measured {found['shipped']['date']}"


def line(run_id: str, title: str) -> Json:
    """What `Studies.line` says of a run."""
    return {"run": run_id, "title": title, "state": "shipped", "live": False, "text": about(result(run_id)), "percent": 100.0,
            "actions": [], "note": ""}  # fmt: skip


def basis(jobs: Jobs, found: Json) -> str:
    """By what it was measured, and whether these are still the models of this copy."""
    models, asked = found.get("models") or {}, found["request"]
    first = int(asked.get("first_seed") or 0)
    named = ", ".join(f"{model['title']} ({model['hash']})" for model in models.values())
    seeds = f"seeds {first:,} to {first + asked['seeds'] - 1:,}"
    said = f"It came with the program: measured on {found['shipped']['date']} with {named}, {seeds}."
    return " ".join([said, *changed_models(models, hashes(models, load_registry(jobs.paths), jobs.paths.hashes))])
