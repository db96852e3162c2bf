"""What a data folder holds as the engine's stock: what requests are checked against, what travels with a run, and what comes back
of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import yaml

from studio.core.explain import brief
from studio.core.files import Json, atomic_write, read_json
from studio.jobs.jobs import Jobs
from studio.jobs.paths import Paths
from studio.library import hint_uses, picture_pairs, subjects, votes
from studio.library.models import FAMILY, ModelEntry, Registry, load_registry
from studio.library.saving import list_student, save_student


def open_jobs(data_dir: str | os.PathLike[str] | Paths | None = None) -> Jobs:
    """The jobs of a data folder, whose requests name its models. ValueError when the folder cannot be used."""
    return Jobs(data_dir, ModelStock())


WORN = ("adapters", "controlnets")  # folders of the data folder in which runs list something besides models
NAMED = ("student", "adapter", "teacher_adapter", "controlnet")  # of a result: ids of what was listed


class ModelStock:
    """See `studio.jobs.stock.Stock`."""

    def context(self, home: Paths) -> Json:
        return {"registry": load_registry(home)}

    def parcel(self, config: Json, home: Paths) -> Iterator[tuple[str, bytes]]:
        """Every model that the request names, listed as here, a person's own pictures, and votes."""
        registry = load_registry(home)
        sets = [votes.votes(home, str(config["votes"]))] if config.get("votes") else []
        for one in sets:
            yield f"votes/{config['votes']}.json", votes.written(one).encode()
        if config.get("subject"):
            about = subjects.subject(home, str(config["subject"]))
            if not about.shipped:
                yield from _folder(about.folder, f"subjects/{about.folder.name}")
        if config.get("pairs"):
            yield from _pairs(home, str(config["pairs"]))
        for entry in needed({**config, "voted on": [one.model for one in sets]}, registry):
            name = entry.id.replace("/", "--")
            yield f"models/{name}.yaml", yaml.safe_dump(_listing(entry, name), sort_keys=True).encode()
            yield from _folder(entry.folder, f"models/{name}")
            if entry.oracle is not None and entry.oracle.is_dir():
                yield from _folder(entry.oracle, f"models/{name}-oracle")

    def made(self, home: Paths) -> dict[str, Path]:
        models = home.models
        listed = [*sorted((models / FAMILY).rglob("*")), *sorted(models.glob(f"{FAMILY}-*.yaml"))]
        found = {path.relative_to(models).as_posix(): path for path in listed if path.is_file()}
        worn = [path for part in WORN for path in sorted((home.root / part / FAMILY).rglob("*")) if path.is_file()]
        return found | {path.relative_to(home.root).as_posix(): path for path in worn}

    def install(self, home: Paths, run: Path, made: Path) -> dict[str, str]:
        renamed = {}
        for part in WORN:
            for source in _inside(made / part / FAMILY):
                name = save_student(home.root / part, source.name, run.name, partial(shutil.copytree, source))
                renamed[f"{FAMILY}/{source.name}"] = f"{FAMILY}/{name}"
        registry = load_registry(home)
        for source in _inside(made / FAMILY):
            listing = yaml.safe_load((made / f"{FAMILY}-{source.name}.yaml").read_text())
            name = save_student(home.models, source.name, run.name, partial(shutil.copytree, source))
            renamed[f"{FAMILY}/{source.name}"] = list_student(
                home.models, name, registry.get(listing["teacher"]), listing["summary"]
            )
        result = read_json(run / "result.json") or {}
        if changed := {key: new for key in NAMED if (new := renamed.get(str(result.get(key)))) not in (None, result.get(key))}:
            atomic_write(run / "result.json", json.dumps({**result, **changed}, indent=1))
        return renamed


def _pairs(home: Paths, given: str) -> Iterator[tuple[str, bytes]]:
    """Of a slider. ValueError in one sentence where the folder is none of the uploads: it is not found under its name there."""
    found, uploads = picture_pairs.place(home, given, "the name of one"), hint_uses.uploads(home).resolve()
    if uploads not in found.parents:
        raise ValueError(
            f"{brief(given)} lies outside the data folder's uploads and cannot travel with a run; one in them would."
        )
    yield from _folder(found, f"uploads/{found.relative_to(uploads).as_posix()}")


def _inside(folder: Path) -> list[Path]:
    """Folders in a folder, which need not be there."""
    return sorted(path for path in folder.glob("*") if path.is_dir())


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
