"""The models of a data folder as the engine's stock: what requests are checked against, and what travels with a run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import yaml

from studio.core.files import Json, atomic_write, read_json
from studio.jobs.jobs import Jobs
from studio.jobs.paths import Paths
from studio.library.models import FAMILY, ModelEntry, Registry, load_registry
from studio.library.saving import list_student, save_student


def open_jobs(data_dir: str | os.PathLike[str] | Paths | None = None) -> Jobs:
    """The jobs of a data folder, whose requests name its models. ValueError when the folder cannot be used."""
    return Jobs(data_dir, ModelStock())


class ModelStock:
    """See `studio.jobs.stock.Stock`."""

    def context(self, home: Paths) -> Json:
        return {"registry": load_registry(home)}

    def parcel(self, config: Json, home: Paths) -> Iterator[tuple[str, bytes]]:
        """Every model that the request names, listed as here."""
        for entry in needed(config, load_registry(home)):
            name = entry.id.replace("/", "--")
            yield f"models/{name}.yaml", yaml.safe_dump(_listing(entry, name), sort_keys=True).encode()
            yield from _folder(entry.folder, f"models/{name}")
            if entry.oracle is not None and entry.oracle.is_dir():
                yield from _folder(entry.oracle, f"models/{name}-oracle")

    def made(self, home: Paths) -> dict[str, Path]:
        models = home.models
        listed = [*sorted((models / FAMILY).rglob("*")), *sorted(models.glob(f"{FAMILY}-*.yaml"))]
        return {path.relative_to(models).as_posix(): path for path in listed if path.is_file()}

    def install(self, home: Paths, run: Path, made: Path) -> dict[str, str]:
        renamed = {}
        registry = load_registry(home)
        for source in sorted(path for path in (made / FAMILY).iterdir() if path.is_dir()):
            listing = yaml.safe_load((made / f"{FAMILY}-{source.name}.yaml").read_text())
            name = save_student(home.models, source.name, run.name, partial(shutil.copytree, source))
            renamed[f"{FAMILY}/{source.name}"] = list_student(
                home.models, name, registry.get(listing["teacher"]), listing["summary"]
            )
        result = read_json(run / "result.json") or {}
        if (new := renamed.get(str(result.get("student")))) not in (None, result.get("student")):
            atomic_write(run / "result.json", json.dumps({**result, "student": new}, indent=1))
        return renamed


def needed(config: Mapping[str, object], registry: Registry) -> list[ModelEntry]:
    """Models whose id is a value of a request, and the teachers of the students among them."""
    named = [value for given in config.values() for value in (given if isinstance(given, (list, tuple)) else (given,))]
    found: dict[str, ModelEntry] = {}
    for value in named:
        entry = registry.entries.get(value) if isinstance(value, str) else None
        while entry is not None and entry.id not in found:
            found[entry.id] = entry
            entry = registry.entries.get(entry.teacher or "")
    return list(found.values())


def _listing(entry: ModelEntry, name: str) -> Json:
    listing = {
        "id": entry.id, "title": entry.title, "role": entry.role, "domain": entry.domain, "folder": name, "size": entry.size,
        "summary": entry.summary, "teacher": entry.teacher, "recipe": entry.recipe,
        "sampling": entry.sampling.model_dump(mode="json"), "oracle": f"{name}-oracle" if entry.oracle else None,
    }  # fmt: skip
    return {key: value for key, value in listing.items() if value is not None}


def _folder(folder: Path, under: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield f"{under}/{path.relative_to(folder).as_posix()}", path.read_bytes()
