"""Objectives, and methods of sliders, as forms and commands need them: cards and schemas as JSON, without importing torch.

The file `cache/objectives.json` is written by a process that has torch (a worker when it is idle, or a subprocess when
somebody asks first) under a version: a digest of the files that could change the answer.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from studio.core.explain import brief, did_you_mean
from studio.core.files import Json, read_json
from studio.core.json_schema import check
from studio.core.registry import stamp
from studio.jobs.code import code_digest
from studio.jobs.locks import FileLock
from studio.jobs.paths import ROOT, Paths

VARIABLE = "STUDIO_OBJECTIVES"  # further modules, comma separated (see `studio.methods.distill`)
DESCRIBE = "studio.workshop.training.describe"  # the module that reads the classes, in a process of its own
BUILD_S = 180.0
LIMITS = {"batch": 4096, "accumulate": 4096}  # where a schema itself sets none
GROUPS = {"sliders": "sliders", "personalize": "personalization"}  # of methods besides the objectives, as sentences say them
Catalogue = Json  # what `objectives` says


def objectives(paths: Paths, *, build: bool = True) -> Catalogue | None:
    """`{"version", "objectives": {name: {"card", "schema"}}, "unavailable": {name: reason}, "trainer": schema,
    "sliders": {"methods": like objectives, "unavailable"}, "personalize": the same}`.

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


def check_objective(catalogue: Catalogue, name: str) -> Json:
    """The entry of one objective. ValueError in one sentence when it is not there or cannot be used."""
    return _entry(catalogue["objectives"], catalogue["unavailable"], name, "objective")


def check_method(catalogue: Catalogue, group: str, name: str, settings: Mapping[str, object]) -> Json:
    """Settings of a method of one of `GROUPS`, checked against its schema; only what was given comes back."""
    found = _entry(catalogue[group]["methods"], catalogue[group]["unavailable"], name, f"method of {GROUPS[group]}")
    return check(found["schema"], settings, f"The method {name}", LIMITS)


def _entry(known: Mapping[str, Json], unavailable: Mapping[str, str], name: str, what: str) -> Json:
    if name in known:
        return dict(known[name])
    if name in unavailable:
        raise ValueError(f"The {what} {name!r} cannot be used here: {unavailable[name]}")
    hint = did_you_mean(name, known) or f" There are {', '.join(known) or 'none'}."
    raise ValueError(f"There is no {what} {brief(name)}.{hint}")


def check_settings(catalogue: Catalogue, name: str, settings: Mapping[str, object]) -> Json:
    """Settings of an objective, checked against its schema; only what was given comes back."""
    return check(check_objective(catalogue, name)["schema"], settings, f"The objective {name}", LIMITS)


def check_trainer(catalogue: Catalogue, settings: Mapping[str, object]) -> Json:
    """Settings of the trainer (all but `steps`, which is a field of the job)."""
    return check(catalogue["trainer"], settings, "The trainer", LIMITS)


def version() -> str:
    """A digest over what the catalogue is made from: names, times and sizes of files."""
    digest = hashlib.sha256(stamp(VARIABLE).encode())
    digest.update(code_digest().encode())
    return digest.hexdigest()[:16]


def kept(file: Path, wanted: str) -> Catalogue | None:
    """What is there, if it is of this version."""
    found = read_json(file)
    return found if found is not None and found.get("version") == wanted else None


def _in_a_subprocess(paths: Paths, file: Path) -> Catalogue:
    command = [sys.executable, "-m", DESCRIBE, str(paths.root)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=BUILD_S)
    made = read_json(file)
    if done.returncode != 0 or made is None:
        last = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise ValueError(f"The objectives cannot be listed here: {last[:300]}")
    return made
