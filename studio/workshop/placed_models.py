"""The models of a run that draws, opened as memory allows: what stays on the device is planned over all of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack

import torch

from studio.core import compiling
from studio.core.family import OpenModel
from studio.core.residency_plan import ResidencyPlan
from studio.families.compiled import Compiled
from studio.families.opened import Opened
from studio.families.placement import Placement
from studio.jobs.run import Run
from studio.library.models import ModelEntry
from studio.workshop.tools import Tools


class PlacedModels:
    """Used as `with PlacedModels(run, notice) as placed:`; at the end parts that were moved are on the CPU again.

    models: by id, in the order in which they were asked for. plan: once they are open. notice: is told a plan under which parts
    are moved.
    """

    def __init__(self, run: Run[Tools], notice: Callable[[str], None]):
        self.job, self._notice = run, notice
        self.models: dict[str, OpenModel] = {}
        self.plan: ResidencyPlan | None = None
        self._leaving = ExitStack()

    def __enter__(self) -> PlacedModels:
        return self

    def __exit__(self, *error: object) -> None:
        self._leaving.close()

    @property
    def moving(self) -> bool:
        """Whether parts of them come to the device only when they are asked."""
        return self.plan is not None and self.plan.name != "everything"

    def open(self, entries: Iterable[ModelEntry], hinted: bool = False) -> dict[str, OpenModel]:
        """Open these, once, and no others. hinted: whether ControlNets will be followed. ValueError in one sentence where they
        cannot be under the only plan that fits."""
        cache, wanted = self.job.tools.models, list({entry.id: entry for entry in entries}.values())
        self.plan = plan = cache.planned(wanted)
        if hinted and plan.name == "sequential":
            raise ValueError("No ControlNet is followed while layers come one by one; STUDIO_RESIDENCY=one-network would fit.")
        for entry in wanted:
            self.job.state("loading", f"Opening {entry.title}.")
            self.models[entry.id] = cache.model(entry, beside=tuple(self.models), on="cpu" if self.moving else "")
            self.job.check()
        if self.moving:
            self._notice(plan.sentence)
            movable = [model for model in self.models.values() if isinstance(model, Opened)]
            self._leaving.enter_context(Placement(plan.name, torch.device(self.job.tools.device), movable))
        if compiling.wanted():
            self._compile(plan)
        return self.models

    def _compile(self, plan: ResidencyPlan) -> None:
        if plan.name == "sequential":
            self.job.log("Nothing is compiled while layers come one by one.")
            return
        compiled = self._leaving.enter_context(Compiled(self.job.log))
        for model in self.models.values():
            if isinstance(model, Opened):
                compiled.add(model.by_role["network"][0])
