"""Everything that trains, as forms and commands need it: cards and schemas as JSON, by group, without importing torch.

The file `cache/objectives.json` is written by a process that has torch (a worker when it is idle, or a subprocess when
somebody asks first) under a version: a digest of the files that could change the answer.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from studio.core.explain import brief, did_you_mean
from studio.core.files import Json, read_json
from studio.core.json_schema import check
from studio.core.registry import stamp
from studio.domains import DOMAINS
from studio.jobs.code import code_digest
from studio.jobs.locks import FileLock
from studio.jobs.paths import CODE, ROOT, Paths
from studio.library.models import ModelEntry

DESCRIBE = "studio.workshop.training.describe"  # the module that reads the classes, in a process of its own
BUILD_S = 180.0
LIMITS = {"batch": 4096, "accumulate": 4096}  # where a schema itself sets none
CROSSING = ("cross-attention", "cross-attention keys and values", "self-attention")  # layers where attentions are apart
Catalogue = Json  # what `objectives` says


@dataclass(frozen=True)
class Group:
    """Methods of one folder of `studio.methods`.

    what: a member in a sentence. registry: where they are, as "module:name". kind: of job that trains them. models: roles of
    models they are for where a method says nothing else. variable: of the environment, names further modules. hints, factors:
    whether they need a domain that has some.
    """

    title: str
    what: str
    registry: str
    kind: str
    models: tuple[str, ...] = ("teacher",)
    variable: str = ""
    hints: bool = False
    factors: bool = False


EITHER = ("teacher", "student")
GROUPS = {
    "distill": Group("Distillation", "objective", "studio.methods.distill:METHODS", "distill", variable="STUDIO_OBJECTIVES"),
    "sliders": Group("Sliders", "method of sliders", "studio.methods.sliders:SLIDERS", "slider", EITHER),
    "personalize": Group(
        "Personalization", "method of personalization", "studio.methods.personalize:PERSONALIZE", "personalize", EITHER,
        "STUDIO_PERSONALIZE",
    ),
    "preference": Group(
        "Preference tuning", "method of preference tuning", "studio.methods.preference:PREFERENCE", "prefer", EITHER,
        "STUDIO_PREFERENCE",
    ),
    "unlearn": Group(
        "Unlearning", "method of unlearning", "studio.methods.unlearn:UNLEARN", "unlearn", EITHER, "STUDIO_UNLEARN"
    ),
    "controlnets": Group(
        "ControlNets", "method of ControlNets", "studio.methods.controlnets:CONTROLNETS", "controlnet", hints=True
    ),
    "references": Group(
        "References", "method of references", "studio.methods.references:REFERENCES", "references", variable="STUDIO_REFERENCES",
        factors=True,
    ),
    "judges": Group("Judges", "method of judges", "studio.methods.judges:JUDGING", "judges", factors=True),
}  # fmt: skip


def objectives(paths: Paths, *, build: bool = True) -> Catalogue | None:
    """`{"version", "trainer": schema}` and by each of `GROUPS` `{"methods": {name: {"card", "schema", "models"}}, "unavailable":
    {name: reason}}`. models: roles of the models that a method is for.

    Milliseconds when the cache is right; otherwise it is made in a subprocess that imports torch (seconds), or None
    when `build` is off.
    """
    file, wanted = paths.cache / "objectives.json", version()
    found = kept(file, wanted)
    if found is not None or not build:
        return found
    lock = FileLock(paths.cache / "objectives.lock")
    locked = lock.acquire(wait_s=BUILD_S)  # somebody else may be making it
    try:
        return kept(file, wanted) or _in_a_subprocess(paths, file)
    finally:
        if locked:
            lock.release()


def check_method(catalogue: Catalogue, group: str, name: str, settings: Mapping[str, object]) -> Json:
    """Settings of a method of one of `GROUPS`, checked against its schema; only what was given comes back. ValueError in one
    sentence when there is no such method, or it cannot be used."""
    known, unavailable, what = catalogue[group]["methods"], catalogue[group]["unavailable"], GROUPS[group].what
    if name in unavailable:
        raise ValueError(f"The {what} {name!r} cannot be used here: {unavailable[name]}")
    if name not in known:
        hint = did_you_mean(name, known) or f" There are {', '.join(known) or 'none'}."
        raise ValueError(f"There is no {what} {brief(name)}.{hint}")
    return check(known[name]["schema"], settings, f"The {what.split()[0]} {name}", LIMITS)


def check_layers(catalogue: Catalogue, group: str, name: str, settings: Mapping[str, object], entry: ModelEntry) -> None:
    """ValueError in one sentence where the layers that a method changes are none of the model's."""
    if entry.checkpoint.crosses:
        return
    method, where = catalogue[group]["methods"][name], f"in {entry.id} text and image share one attention"
    if method["card"]["text_alone"]:
        raise ValueError(f"The method {name} changes layers that read the text alone, and {where}; concept-ablation would fit.")
    fields: Json = method["schema"].get("properties", {})
    layers = str(settings.get("layers", fields.get("layers", {}).get("default", "")))
    if layers in CROSSING:
        raise ValueError(f'The method {name} changes {layers} here, and {where}; layers "attention" would fit.')


def listed(catalogue: Catalogue) -> list[Json]:
    """Every method, group by group: `{"group", "kind", "name", "card", "schema", "models", "domains", "unavailable"}`. domains:
    those it fits, None where that is not known beforehand. unavailable: why it cannot be used, or ""."""
    hinted = [name for name, domain in DOMAINS.all().items() if domain.hints]
    known = [name for name, domain in DOMAINS.all().items() if domain.factors]
    found = []
    for name, group in GROUPS.items():
        about = {"group": name, "kind": group.kind, "domains": hinted if group.hints else known if group.factors else None}
        of_group = catalogue[name]
        found += [{**about, "name": method, **entry, "unavailable": ""} for method, entry in of_group["methods"].items()]
        found += [{**about, "name": method, "card": None, "schema": None, "models": list(group.models), "unavailable": why}
                  for method, why in of_group["unavailable"].items()]  # fmt: skip
    return found


def check_trainer(catalogue: Catalogue, settings: Mapping[str, object]) -> Json:
    """Settings of the trainer (all but `steps`, which is a field of the job)."""
    return check(catalogue["trainer"], settings, "The trainer", LIMITS)


def version() -> str:
    """A digest over what the catalogue is made from: names, times and sizes of files."""
    digest = hashlib.sha256("\n".join(stamp(group.variable) for group in GROUPS.values()).encode())
    digest.update(code_digest().encode())
    return digest.hexdigest()[:16]


def kept(file: Path, wanted: str) -> Catalogue | None:
    """What is there, if it is of this version."""
    found = read_json(file)
    return found if found is not None and found.get("version") == wanted else None


def _in_a_subprocess(paths: Paths, file: Path) -> Catalogue:
    command = [sys.executable, "-m", DESCRIBE, str(paths.root)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(CODE), os.environ.get("PYTHONPATH")]))}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=BUILD_S)
    made = read_json(file)
    if done.returncode != 0 or made is None:
        last = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise ValueError(f"The methods cannot be listed here: {last[:300]}")
    return made
