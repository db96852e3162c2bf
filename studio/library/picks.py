"""Adapters as they were at each measurement of their training, to pick from, in folders like those that are listed.

No torch: picking copies files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from studio.core.files import Json, read_json
from studio.jobs.events import ACTIVE
from studio.jobs.jobs import Jobs
from studio.library import adapters
from studio.library.measured_arms import KINDS, Column
from studio.library.models import FAMILY
from studio.library.saving import save_student

FOLDER = "picks"  # of a run directory
KEPT = 20  # of a run, the newest
SLIDER = (Column("slope a unit", ("slope",), False),)


def keep(run: Path, step: int, write: Callable[[Path], None]) -> None:
    """Let `write` fill the folder of a step, which appears whole or not at all; the oldest go where there are too many."""
    place = run / FOLDER / f"{step:08d}"
    new = place.with_name(f".new-{place.name}")
    shutil.rmtree(new, ignore_errors=True)
    place.parent.mkdir(exist_ok=True)
    write(new)
    shutil.rmtree(place, ignore_errors=True)
    os.replace(new, place)
    for old in steps(run)[:-KEPT]:
        shutil.rmtree(run / FOLDER / f"{old:08d}")


def keep_copy(run: Path, step: int, of: Path) -> None:
    """Keep a listed adapter as that of a step."""

    def write(target: Path) -> None:
        shutil.copytree(of, target)

    keep(run, step, write)


def steps(run: Path) -> list[int]:
    """Those that were kept, the earliest first."""
    return sorted(int(path.name) for path in (run / FOLDER).glob("[0-9]*") if (path / adapters.CARD).is_file())


def pick(jobs: Jobs, run_id: str, step: int) -> str:
    """Make the adapter of a run what it was at a step; the id it is listed under. ValueError in one sentence."""
    info, run = jobs.get(run_id), jobs.paths.run(run_id)
    known = steps(run)
    if not known:
        raise ValueError(f"{run_id} kept no adapter on the way; a run that makes an adapter keeps one at each measurement.")
    if step not in known:
        there = ", ".join(f"{one:,}" for one in known)
        raise ValueError(f"{run_id} kept no adapter at step {step:,}; those of {there} are there.")
    if info.state in (*ACTIVE, "queued"):
        raise ValueError(f"{run_id} is {info.state} and would replace it at its end; stop it first.")
    source, name = run / FOLDER / f"{step:08d}", _listed(jobs, run_id).removeprefix(f"{FAMILY}/")

    def write(target: Path) -> None:
        shutil.copytree(source, target)

    return f"{FAMILY}/{save_student(adapters.home(jobs.paths), name, run_id, write)}"


@dataclass(frozen=True)
class Kept:
    """An adapter as it was at a step. row: what was measured of the model itself. worn: whether it is the listed one."""

    step: int
    row: Json
    worn: bool


def kept(jobs: Jobs, run_id: str) -> list[Kept]:
    """What there is to pick from, the earliest first."""
    run = jobs.paths.run(run_id)
    measured = (read_json(run / "measures.json") or {}).get("rows", [])
    first = {int(row["step"]): row for row in reversed(measured)}  # the model itself comes before others of its step
    known = steps(run)
    worn = _worn(jobs, run_id) if known else None
    return [Kept(step, first.get(step, {}), step == worn) for step in known]


def columns(kind: str) -> tuple[Column, ...]:
    """Of what a kind of job measures."""
    return tuple(one for one in KINDS[kind].columns if not one.rare) if kind in KINDS else SLIDER


def _listed(jobs: Jobs, run_id: str) -> str:
    """Id of the run's adapter; of one that never came to its end, the id that was asked for."""
    found = (jobs.result(run_id) or {}).get("adapter")
    return str(found or f"{FAMILY}/{jobs.spec(run_id).config['name']}")


def _worn(jobs: Jobs, run_id: str) -> int | None:
    """The step of the adapter that is listed now, where that is this run's."""
    entry = adapters.load_adapters(jobs.paths).entries.get(_listed(jobs, run_id))
    return int(entry.card.get("steps") or 0) if entry is not None and entry.run == run_id else None
