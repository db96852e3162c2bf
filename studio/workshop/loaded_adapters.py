"""Adapters and ControlNets a run uses, in the models it uses them on, and out of them again: models stay warm for others.
Worker side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

from studio.core.family import OpenModel
from studio.core.recipe import files_hash
from studio.jobs.run import Run
from studio.library.adapters import Adapters
from studio.library.controlnets import ControlNets
from studio.sampling.adapted import adapters_of
from studio.sampling.hinted import hints_of
from studio.sampling.plan import Plan
from studio.sampling.steps import denoiser_of
from studio.workshop.tools import Tools


class Wardrobe:
    """What is loaded for one run. A context: at its end every model is as it was."""

    def __init__(self, adapters: Adapters, job: Run[Tools]):
        self.adapters, self.job, self.paths = adapters, job, job.home
        self.loaded: list[tuple[OpenModel, str]] = []
        self.controls: list[tuple[OpenModel, str]] = []
        self.hashes: dict[str, str] = {}  # by what the files hold
        self.leave = ExitStack()  # what else is undone at the end, the last first

    def open(self, plans: Sequence[Plan], models: Mapping[str, OpenModel], *, more: Sequence[str] = ()) -> None:
        """Load what plans name into the models it is on; `more` (for the words they bring) into all of them."""
        wanted = adapters_of(*plans)
        for name in more:
            wanted[name] = list(models)
        for name, model_ids in wanted.items():
            entry = self.adapters.get(name)
            if not entry.available:
                raise ValueError(entry.reason)
            if name not in self.hashes:
                self.job.state("loading", f"Opening {entry.title}.")
                self.hashes[name] = files_hash([entry.file], entry.folder)
            for model in (models[model_id] for model_id in model_ids):
                if (model, name) in self.loaded:
                    continue
                if name in model.adapter_names:
                    model.unload_adapter(name)  # of a run that was cut off; the file may have changed since
                model.load_adapter(name, entry.file)
                self.loaded.append((model, name))

    def open_controls(
        self, plans: Sequence[Plan], models: Mapping[str, OpenModel], known: ControlNets, base: Callable[[str], OpenModel]
    ) -> None:
        """Load the ControlNets that plans name into the models they are on. base: opens a model by its id."""
        for name, model_ids in hints_of(*plans).items():
            entry = known.get(name)
            self.job.state("loading", f"Opening {entry.title}.")
            for model in (models[model_id] for model_id in model_ids):
                if (model, name) in self.controls:
                    continue
                if name in model.control_names:
                    model.unload_control(name)  # of a run that was cut off; the file may have changed since
                model.load_control(name, entry.path, base(entry.base) if entry.base else None)
                self.controls.append((model, name))

    def used(self) -> dict[str, dict[str, str]]:
        """For results: {id: {"hash", "title"}}."""
        return {name: {"hash": digest, "title": self.adapters.get(name).title} for name, digest in self.hashes.items()}

    def __enter__(self) -> Wardrobe:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave.close()
        for model, name in self.loaded:
            model.unload_adapter(name)
        for model, name in self.controls:
            model.unload_control(name)
        self.loaded.clear()
        self.controls.clear()


def level_of(models: Mapping[str, OpenModel], model: str, t: float) -> float:
    """Noise level of a model at its time, sigma / alpha of Gaussian ones."""
    return float(denoiser_of(models[model]).process.level(t).noise)
