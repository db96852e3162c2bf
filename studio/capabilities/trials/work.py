"""Executing a trial: the work of the training itself, on less, in the run's own directory. In a worker."""

from __future__ import annotations

import copy
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from studio.capabilities.trials.request import MADE, NAME, ONCE, PICTURES, TrialRequest
from studio.core.files import Json
from studio.jobs.device_gate import Check, Gate
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths
from studio.jobs.run import Run
from studio.library import costs
from studio.library.training_request import TrainingRequest
from studio.workshop.tools import Tools
from studio.workshop.training.costing import catalogue
from studio.workshop.training.job import TrainingJob
from studio.workshop.training.trial import tried

MOST_S = 60.0  # for the steps


class Trial:
    """One run of the kind `trial`: {"cost", as of `library.costs.Cost`}."""

    def __init__(self, request: TrialRequest, run: Run[Tools]):
        self.request, self.job = request, run

    def run(self) -> Json:
        kind = KINDS.get(self.request.kind)
        whole = kind.config.model_validate({**self.request.request, "name": NAME}, context=self.job.tools.context())
        assert isinstance(whole, TrainingRequest), "checked with the request"
        entry, known = self.job.tools.registry.get(whole.trained_on), catalogue(self.job.home)
        small = smaller(whole, self.request.steps, costs.settings(kind.name, whole, entry, known))
        work = kind.worker()(small, apart(self.job, kind.name))
        if not isinstance(work, TrainingJob):
            raise ValueError(f"Jobs of kind {kind.name} say nothing of their parts, so they cannot be tried.")
        try:
            cost = tried(work, self.request.steps, MOST_S)
        finally:
            for made in ("material", "picks"):
                shutil.rmtree(self.job.folder / made, ignore_errors=True)
        costs.keep(self.job.home, costs.priced(kind.name, whole, entry, known), cost)
        return {"cost": asdict(cost)}


def smaller(whole: TrainingRequest, steps: int, settings: Json) -> TrainingRequest:
    """The same training with less to prepare and to measure, and as many steps as are taken at least."""
    least = {"steps": max(whole.steps, steps + 1), "sinks": (), "stop_at": None}
    for name, n in ((whole.MADE, MADE), (whole.PICTURES, PICTURES)):
        if name in type(whole).model_fields:
            least[name] = min(int(getattr(whole, name)), n)
    most = dict.fromkeys(whole.ONCE, ONCE) | dict(whole.STAGES)
    once = {name: min(int(settings[name]), n) for name, n in most.items() if settings.get(name)}
    if once and "settings" in type(whole).model_fields:
        least["settings"] = {**getattr(whole, "settings", {}), **once}
    return whole.model_copy(update={name: value for name, value in least.items() if name in type(whole).model_fields})


@dataclass(frozen=True)
class _Apart(Paths):
    """The data folder, but for the material, which is too little to be kept for others."""

    folder: Path = Path()

    def material(self, model_id: str, weights: str) -> Path:
        return self.folder / "material"


class _Held(Gate):
    """The device is this run's from beginning to end, as of every interactive request."""

    def step(self, check: Check = lambda: None) -> None:
        check()


def apart(run: Run[Tools], kind: str) -> Run[Tools]:
    """The run as the training itself is given it."""
    inner = copy.copy(run)
    inner.home, inner.gate = _Apart(run.home.root, run.folder), _Held(run.home.lanes, run.tools.device)
    inner.spec = run.spec.model_copy(update={"kind": kind})
    return inner
