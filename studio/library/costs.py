"""What a training takes on this machine: seconds by part, and memory, kept from trials and runs that were measured here.

Nothing is guessed: what was never measured is not known. A kept cost belongs to a machine and its device, a kind of job, a model
(its id and the shape of its network, which decides the price; its weights do not), a method and the settings that change what
a step costs. No torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from studio.core.files import Json, atomic_write, read_json
from studio.jobs.paths import Paths
from studio.library.adapters import architecture
from studio.library.method_cards import GROUPS, Catalogue
from studio.library.models import ModelEntry
from studio.library.training_request import TrainingRequest

FOLDER = "costs"  # of the cache
KEPT = 400  # the newest
USUAL: Json = {
    "precision": "fp32",
    "accumulate": 1,
    "checkpointing": False,
    "optimizer": "adamw",
}  # what of a trainer has a price


@dataclass(frozen=True)
class Cost:
    """Seconds. step_s: the mean of a run, over all its rounds. open_s: until the first step, without what is prepared. made_s,
    once_s: one of what is prepared, and of what is drawn at the first step. stages: by setting, one of what a stage before it
    does. strip_s: a strip. first_s, again_s: a picture of a measurement, the first time (with what is drawn once to compare
    with) and later. ending: how many first measurements the end comes to. steps: of which it was measured. trial: whether that
    was a trial. None where it was not seen."""

    device: str
    step_s: float
    steps: int
    trial: bool
    model_hash: str = ""
    at: float = 0.0
    memory_bytes: int | None = None
    open_s: float | None = None
    made_s: float | None = None
    once_s: float | None = None
    stages: Mapping[str, float] | None = None
    strip_s: float | None = None
    first_s: float | None = None
    again_s: float | None = None
    ending: float | None = None


def machine() -> str:
    """Equal on one machine alone; says nothing of it to people."""
    return hashlib.sha256(f"{platform.node()} {platform.machine()} {os.cpu_count()}".encode()).hexdigest()[:12]


def priced(kind: str, request: TrainingRequest, entry: ModelEntry, catalogue: Catalogue | None) -> Json:
    """What a cost belongs to, besides the machine. catalogue: for settings that are not given."""
    method, trainer = request.method_on(entry), {**USUAL, **request.TRAINER, **request.trainer}
    return {
        "kind": kind, "model": entry.id, "architecture": architecture(entry.folder), "sampled": entry.steps, "method": method,
        "settings": {name: _priced(value) for name, value in sorted(settings(kind, request, entry, catalogue).items())},
        "trainer": {name: trainer[name] for name in USUAL}, "more": {name: getattr(request, name) for name in request.PRICED},
    }  # fmt: skip


def settings(kind: str, request: TrainingRequest, entry: ModelEntry, catalogue: Catalogue | None) -> Json:
    """Of the method, with those that are not given."""
    group = next((name for name, found in GROUPS.items() if found.kind == kind), "")
    known = ((catalogue or {}).get(group) or {}).get("methods", {}).get(request.method_on(entry)) or {}
    properties = (known.get("schema") or {}).get("properties", {})
    usual = {name: prop.get("default") for name, prop in properties.items()}
    given = dict(getattr(request, "settings", {}))
    numbers = {name for name, prop in properties.items() if prop.get("type") == "number"}
    return {name: float(value) if name in numbers else value for name, value in {**usual, **given}.items()}


def _priced(value: object) -> object:
    """A setting as far as it has a price: a real number switches something off at 0, or half of it at 1, and weighs otherwise."""
    if isinstance(value, float):
        return value if value in (0.0, 1.0) else "some"
    return list(value) if isinstance(value, tuple) else value


# -- kept ----------------------------------------------------------------------------------------------------------------


def keep(paths: Paths, what: Json, cost: Cost) -> None:
    """Remember a cost; parts that were not seen this time stay as they were known."""
    key = {**what, "machine": machine(), "device": cost.device}
    file = paths.cache / FOLDER / f"{hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]}.json"
    before = _read(file)
    if before is not None:
        seen = {name: value for name, value in asdict(cost).items() if value is not None}
        cost = replace(before[1], **seen)
    file.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(file, json.dumps({"what": key, "cost": asdict(replace(cost, at=time.time()))}), durable=False)
    for old in _files(paths)[KEPT:]:
        old.unlink(missing_ok=True)


def known(paths: Paths, what: Json, device: str = "") -> tuple[Cost, bool] | None:
    """(cost, whether it is of the same) of what was measured on this machine; failing that, the newest of the same kind, model
    and method with other settings. device: where it is known. None where nothing was measured."""
    asked, near = json.loads(json.dumps(what)), None
    for file in _files(paths):
        found = _read(file)
        if found is None or found[0].get("machine") != machine() or (device and found[1].device != device):
            continue
        if all(found[0].get(name) == value for name, value in asked.items()):
            return found[1], True
        if near is None and all(found[0].get(name) == asked.get(name) for name in ("kind", "model", "method")):
            near = found[1]
    return None if near is None else (near, False)


def _files(paths: Paths) -> list[Path]:
    """The newest first."""
    found = []
    for file in (paths.cache / FOLDER).glob("*.json"):
        try:
            found.append((file.stat().st_mtime_ns, file))
        except FileNotFoundError:  # another process made room
            continue
    return [file for _, file in sorted(found, reverse=True)]


def _read(file: Path) -> tuple[Json, Cost] | None:
    found = read_json(file)
    if found is None or not isinstance(found.get("what"), Mapping) or not isinstance(found.get("cost"), Mapping):
        return None
    names = {field.name for field in fields(Cost)}
    try:
        return dict(found["what"]), Cost(**{name: value for name, value in found["cost"].items() if name in names})
    except TypeError:  # of a version that kept something else
        return None


# -- what a run will take ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Forecast:
    """Seconds: before the first step, of the steps, of strips and measurements. cost: what they are counted from."""

    before_s: float
    steps_s: float
    looks_s: float
    cost: Cost

    @property
    def seconds(self) -> float:
        return self.before_s + self.steps_s + self.looks_s


def forecast(cost: Cost, request: TrainingRequest, given: Json) -> Forecast:
    """Of a request, from the cost of one like it. given: the method's settings, with those that are not given."""
    made = int(getattr(request, request.MADE, 0) or 0) if request.MADE else 0
    once = sum(int(given.get(name) or 0) for name in request.ONCE)
    staged = sum(int(given.get(name) or 0) * seconds for name, seconds in (cost.stages or {}).items())
    before = (cost.open_s or 0.0) + made * (cost.made_s or 0.0) + once * (cost.once_s or 0.0) + staged
    strips = _times(request.steps, request.samples_at) + 1 if request.samples_at else 0
    measured, pictures = _times(request.steps, request.measures_at), int(getattr(request, request.PICTURES, 0) or 0)
    first = (cost.first_s or 0.0) * pictures
    again = pictures * (cost.first_s if cost.again_s is None else cost.again_s or 0.0) if cost.first_s is not None else 0.0
    measuring = first + (measured - 1) * again + (cost.ending or 0.0) * first if measured else 0.0
    return Forecast(before, cost.step_s * request.steps, strips * (cost.strip_s or 0.0) + measuring, cost)


def _times(steps: int, every: int) -> int:
    """How often something is done in a run that does it at the end as well."""
    return -(-steps // every) if every else 0


def said(found: Forecast) -> str:
    """One sentence: "About 12 min and 1.3 GB here, from 5 steps measured on this machine: …"."""
    cost = found.cost
    held = f" and {_size(cost.memory_bytes)}" if cost.memory_bytes else ""
    source = f"from {cost.steps:,} steps measured on this machine" if cost.trial else "from the last such run on this machine"
    parts = ((found.before_s, "before the first step"), (found.steps_s, "of training"), (found.looks_s, "drawing and measuring"))
    shares = ", ".join(f"{span(seconds)} {words}" for seconds, words in parts if seconds >= 0.5)
    return f"About {span(found.seconds)}{held} here, {source}" + (f": {shares}." if shares else ".")


def span(seconds: float) -> str:
    """A time as an estimate says it: "40 s", "12 min", "2.5 h"."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
