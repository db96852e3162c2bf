"""Students that people teach: folders under the data folder's `models/mine/`, each with a YAML file that lists it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import yaml

from studio.core.files import Json, atomic_write, read_json
from studio.library.models import FAMILY, ModelEntry

ORDER = 200  # in lists: after the shipped models


def save_student(models: Path, name: str, run_id: str, write: Callable[[Path], None]) -> str:
    """Let `write` fill a new folder, then give it its place; returns the name it got.

    The folder appears whole or not at all. A name that another run has taken gets a number; what this run itself left
    there when it was killed is replaced. `write` leaves a card.json that says `"run": run_id`.
    """
    home = models / FAMILY
    home.mkdir(parents=True, exist_ok=True)
    temporary, old = home / f".new-{run_id}", home / f".old-{run_id}"
    for left in (temporary, old):
        shutil.rmtree(left, ignore_errors=True)
    try:
        write(temporary)
        free = _free(models, name, run_id)
        if (home / free).exists():
            os.replace(home / free, old)
        os.replace(temporary, home / free)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return free


def _free(models: Path, name: str, run_id: str) -> str:
    for number in range(1, 1000):
        candidate = name if number == 1 else f"{name[:36]}-{number}"
        folder = models / FAMILY / candidate
        taken = folder.exists() or _file(models, candidate).exists()
        if not taken or (read_json(folder / "card.json") or {}).get("run") == run_id:
            return candidate
    raise ValueError(f"There are a thousand students called {name}; another name would fit.")


def list_student(models: Path, name: str, teacher: ModelEntry, summary: str) -> str:
    """Write the YAML file that puts the student into every list of models; returns its id."""
    return _list(models, name, teacher, {"role": "student", "teacher": teacher.id, "summary": summary})


def list_changed(models: Path, name: str, of: ModelEntry, summary: str) -> str:
    """The same for a model made from another one's weights: teacher or student as that one is, sampled as it is."""
    role = {"role": of.role} | ({"teacher": of.teacher} if of.teacher else {})
    sampling = {"sampling": of.sampling.model_dump(exclude_defaults=True, mode="json")} if of.role == "teacher" else {}
    return _list(models, name, of, {**role, **sampling, "summary": summary})


def _list(models: Path, name: str, like: ModelEntry, more: Json) -> str:
    entry = {
        "id": f"{FAMILY}/{name}", "title": name, "domain": like.domain, "folder": f"{FAMILY}/{name}", "size": like.size,
        "order": ORDER, **more,
    }  # fmt: skip
    if like.oracle is not None:
        entry["oracle"] = str(like.oracle)
    atomic_write(_file(models, name), yaml.safe_dump(entry, sort_keys=False, allow_unicode=True))
    return str(entry["id"])


def _file(models: Path, name: str) -> Path:
    return models / f"{FAMILY}-{name}.yaml"
