"""What every process of the engine is started as: puts the engine (`jobs`) and its work together.

    python -m studio.worker --lane interactive --data-dir <folder>      # a lane's worker
    python -m studio.worker --dispatch ray --data-dir <folder>          # looks after the runs of an executor
    python -m studio.worker --inside                                    # on a rented machine (`executors.hf_inside`)

`run_job(folder)` executes one run directory with the models of the data folder that holds it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from studio.core.files import Json
from studio.core.registry import problems
from studio.jobs import worker
from studio.jobs.execution import execute
from studio.jobs.executors import AWAY, dispatch
from studio.jobs.executors import task as tasks
from studio.jobs.jobs import Jobs
from studio.jobs.locks import identity
from studio.jobs.paths import DOWNLOADS, Paths, write_privately
from studio.library.models import Registry, load_registry
from studio.library.stock import ModelStock, open_jobs
from studio.workshop.open_models import ModelCache, pick_device
from studio.workshop.tools import Tools


def run_job(folder: Path, *, models: ModelCache | None = None, registry: Registry | None = None, **how: Any) -> tuple[str, str]:
    """Execute the run in `folder`; returns (state, note). how: as of `execute`.

    models: may be a warm cache. registry: those of the data folder that holds the run, unless others are given.
    """
    home = Paths(folder.parents[1])
    known = registry or load_registry(Paths(folder.resolve().parents[1]))
    return execute(folder, Tools(home, known, models or ModelCache(pick_device("cpu"))), **how)


def task(folder: str, patience_s: float = tasks.PATIENCE_S) -> tuple[str, str]:
    """What a cluster's task does with a run directory that it shares."""

    def do(run: Path, locks: Path) -> tuple[str, str]:
        return run_job(run, models=ModelCache(pick_device()), owner=identity(), locks=locks)

    return tasks.execute(folder, do, patience_s)


class Workbench:
    """The models that a lane's worker keeps open, opened before the first request where it is asked for (`warm`)."""

    def __init__(self, jobs: Jobs, lane: str, device: str | None = None, warm: Sequence[str] = ()):
        self.jobs, self.lane, self.wanted, self.warm = jobs, lane, device, warm
        self.models = ModelCache("cpu")

    def tools(self) -> Tools:
        if not self.models.ids:
            self.models.device = pick_device(self.wanted)
        return Tools(self.jobs.paths, load_registry(self.jobs.paths), self.models)

    def status(self) -> Json:
        opened = [name for name in self.models.ids if "/" in name and ":" not in name]
        return {"device": self.models.device, "models": opened, "warm_bytes": self.models.bytes}

    def warming(self, say: worker.Say) -> list[Callable[[], None]]:
        if not self.warm:
            return []
        steps: list[Callable[[], None]] = [partial(self._device, say), *(partial(self._open, say, name) for name in self.warm)]
        return [*steps, partial(self._forms, say)] if self.lane == "interactive" else steps

    def _device(self, say: worker.Say) -> None:
        say("warming", "Loading torch.")
        self.models.device = pick_device(self.wanted)
        import torch  # noqa: F401

    def _open(self, say: worker.Say, name: str) -> None:
        entry = load_registry(self.jobs.paths).get(name)
        if not entry.available:
            return
        say("warming", f"Opening {entry.title}.")
        self.models.model(entry)
        if entry.oracle_here:
            self.models.oracle(entry)

    def _forms(self, say: worker.Say) -> None:
        from studio.workshop.training.describe import refresh

        say("warming", "Reading the objectives.")
        refresh(self.jobs.paths)
        for sentence in problems():
            print(sentence, file=sys.stderr)


def inside() -> int:
    """On a rented machine: fetch the run, execute it, send what comes of it."""
    from studio.jobs.executors import hf_inside

    def do(folder: Path, leaving: Callable[[], bool]) -> tuple[str, str]:
        return run_job(folder, models=ModelCache(pick_device()), owner=identity(), leaving=leaving)

    return hf_inside.serve(ModelStock(), do)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 served and left, 3 somebody else has this lane or executor."""
    parser = argparse.ArgumentParser(prog="python -m studio.worker", description=__doc__.split("\n")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--lane", default="interactive")
    what.add_argument("--dispatch", choices=AWAY, help="an executor whose runs are looked after")
    what.add_argument("--inside", action="store_true", help="execute the run that the environment names")
    parser.add_argument("--data-dir", default=None)
    parser.add_argument("--device", default=None, help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--warm", action="append", default=[], help="id of a model to open before the first request")
    parser.add_argument("--linger", type=float, default=None, help="seconds to stay with nothing to do")
    options = parser.parse_args(argv)
    if options.inside:
        return inside()
    jobs = open_jobs(options.data_dir)
    write_privately(jobs.paths)
    stay = {} if options.linger is None else {"linger_s": options.linger}
    if options.dispatch:
        return dispatch.serve(jobs, options.dispatch, **stay)
    device = "cpu" if options.lane == DOWNLOADS else options.device  # which needs no torch
    bench = Workbench(jobs, options.lane, device, options.warm)
    return worker.serve(jobs, options.lane, bench, **stay)


if __name__ == "__main__":
    sys.exit(main())
