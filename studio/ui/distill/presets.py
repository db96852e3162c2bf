"""Ready-made distillations: `presets/distill/SIZE-NAME.yaml`, one a file, for the teacher of that size."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import yaml

from studio.core.files import Json
from studio.jobs.paths import PRESETS

FOLDER = PRESETS / "distill"


@dataclass(frozen=True)
class Preset:
    """What a preset puts into the form. `name` is the file's, without its size; `start` the id of the student to begin with."""

    name: str
    title: str
    objective: str
    steps: int
    settings: Json = field(default_factory=dict)
    trainer: Json = field(default_factory=dict)
    start: str | None = None


@lru_cache(maxsize=8)
def _of_size(size: str, stamp: int) -> tuple[Preset, ...]:
    found = []
    for path in sorted(FOLDER.glob(f"{size}-*.yaml")):
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
            name, method, trainer = path.stem.removeprefix(f"{size}-"), data.get("method") or {}, data.get("trainer") or {}
            start = str(data["start"]) if data.get("start") else None
            title, objective, steps = str(data["title"]), str(data["objective"]), int(data["steps"])
            found.append(Preset(name, title, objective, steps, dict(method), dict(trainer), start))
        except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError):
            continue  # one broken file must not take the others with it
    return tuple(found)


def presets(teacher: str) -> tuple[Preset, ...]:
    """Those of a teacher's size, which is the first part of its id."""
    size = teacher.split("/")[0]
    try:
        stamp = FOLDER.stat().st_mtime_ns
    except OSError:
        return ()
    return _of_size(size, stamp) if size.replace("-", "").replace("_", "").isalnum() else ()


def preset(teacher: str, name: str) -> Preset | None:
    return next((p for p in presets(teacher) if p.name == name), None)
