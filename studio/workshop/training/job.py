"""A job that trains: opens its model, trains a method on it, keeps strips and figures on the way, lists what came out.

A kind of job says what is built, drawn, measured and written; files, events, resuming and the result are here. Names of files
and events are those that the page and earlier runs know.
"""

from __future__ import annotations

import json
import time
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

from torch import nn

from studio.core.edit import Edit, EditCard
from studio.core.family import OpenModel
from studio.core.files import Json, read_json
from studio.core.method import Method, Streams
from studio.core.parallel import ALONE, Parallel
from studio.core.trainer import Trainer, TrainerConfig
from studio.domains import domain_of
from studio.domains.media import medium_of
from studio.jobs.run import Run, versions
from studio.library import adapters, picks
from studio.library.curves import finite
from studio.library.measured_arms import Column, figure, text
from studio.library.models import FAMILY, ModelEntry
from studio.library.saving import save_student
from studio.library.training_request import TrainingRequest
from studio.workshop.tools import Tools
from studio.workshop.training import costing
from studio.workshop.training.loop import R, TrainingLoop
from studio.workshop.training.strips import Strip, keep_strip, strip_name

M = TypeVar("M", bound=nn.Module)


@runtime_checkable
class OnFrozen(Protocol):
    """A method that trains something beside a frozen network, of which no trainer knows."""

    def recompute(self) -> None:
        """From now on the backward pass computes parts of the network again instead of finding them kept."""


class TrainingJob(TrainingLoop[R]):
    """THING: what is trained, as sentences call it. EVENT: the kind of event that says its id, and the key of the id in the
    result. ROW: the kind of event that says a row of figures. ROWS: their key in the result.
    AIM: the figure of a row that must be above the request's goal for the run to end early; None where there is no such figure.

    rows: figures with their "step", kept in measures.json; a run that goes on drops those that are later than its checkpoint.
    """

    THING: ClassVar[str]
    EVENT: ClassVar[str]
    ROW: ClassVar[str] = "figures"
    ROWS: ClassVar[str] = "figures"
    AIM: ClassVar[Column | None] = None
    model: OpenModel
    parallel: Parallel = ALONE

    def __init__(self, request: R, run: Run[Tools]):
        super().__init__(request, run)
        self.entry: ModelEntry = run.tools.registry.get(request.trained_on)
        self.rows: list[Json] = []

    # -- what a kind of job says -------------------------------------------------------------------------------------

    @abstractmethod
    def build(self) -> Method:
        """The method, on the opened model and its material."""

    def prepare(self) -> None:
        """Once the trainer is where its checkpoint was: make ready what draws and measures."""

    def strip(self, step: int) -> Strip | None:
        """Pictures of what is trained as it is now; None where there are none."""
        return None

    def figures(self, step: int) -> Json | None:
        """A row of figures of it, with its "step"; None where nobody can read them."""
        return None

    def headline(self, row: Json) -> dict[str, float]:
        """The points of curves that a row on the way adds."""
        return {}

    def harmless(self, row: Json) -> bool:
        """Whether a row says that nothing was lost that would speak against ending early."""
        return True

    def ending(self) -> float:
        """How many measurements like the first on the way those at the end come to, as far as is known before."""
        return 0.0

    def finish(self) -> None:
        """After the last step: what is measured once."""

    @abstractmethod
    def write(self, target: Path) -> None:
        """Write its files into a folder that is not there yet, with a card.json that says "run"."""

    def found(self) -> Json:
        """What the result says besides."""
        return {self.ROWS: self.rows}

    # -- before ------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        self.job.state("loading", f"Opening {self.entry.title}.")
        self.load()
        self.begin(make_trainer(self.request, self.build(), self.job.folder, self.device, self.parallel))
        self.prepare()
        kept = (read_json(self.job.folder / "measures.json") or {}).get("rows", [])
        self.rows = [row for row in kept if row["step"] <= self.trainer.step]

    def load(self) -> None:
        """Open the model."""
        self.model = self.job.tools.models.whole(self.entry)

    @property
    def base_hash(self) -> str:
        """Over the weights of the model."""
        return self.model.hash

    @property
    def streams(self) -> Streams:
        """Random numbers of a method that is built."""
        return Streams(self.request.seed, self.device, self.parallel.share)

    @property
    def material(self) -> Path:
        """The folder in which what the model is taught on is kept."""
        return self.job.home.material(self.entry.id, self.base_hash)

    def taught(self, name: str, kind: type[M]) -> M:
        """A trained network as it is now: averaged weights where the method averages."""
        method = self.trainer.method
        found = method.emas.get(name, method.trained[name].module)
        assert isinstance(found, kind)
        return found

    # -- on the way --------------------------------------------------------------------------------------------------

    def shown(self, step: int) -> bool:
        return (self.job.folder / strip_name(step, self.job.spec.kind)).exists()

    def show(self, step: int) -> None:
        if (strip := self.strip(step)) is not None:
            keep_strip(self.job, medium_of(domain_of(self.entry.domain)), strip, self.job.spec.kind, step)

    def measured(self, step: int) -> bool:
        return any(row["step"] == step for row in self.rows)

    def measure(self, step: int) -> bool:
        row = self.figures(step)
        if row is not None:
            self.keep_row(row)
            self.curves.forward(step, self.headline(row))
            if self.makes_adapter:
                picks.keep(self.job.folder, step, self.write)
        return row is not None

    @property
    def makes_adapter(self) -> bool:
        """Whether what is trained is an adapter, which is small enough to be kept at every measurement."""
        return adapters.home(self.job.home).name == self.request.HOME

    def row_at(self, step: int) -> Json | None:
        """What was measured at a step of the model itself."""
        return next((row for row in self.rows if row["step"] == step), None)

    def enough(self) -> str:
        row, goal = self.row_at(self.trainer.step), self.request.goal
        found = figure(row, self.AIM) if row is not None and self.AIM is not None else None
        if row is None or self.AIM is None or goal is None or found is None or found["low"] is None:
            return ""
        said = f"{self.AIM.name} is {text(row, self.AIM)}, all above the goal of {goal:g}"
        return said if found["low"] > goal and self.harmless(row) else ""

    def keep_row(self, row: Json) -> None:
        self.rows.append(row)
        self.job.event(self.ROW, **{name: value for name, value in row.items() if name != "n"})  # events have an n too
        self.job.keep("measures.json", {"rows": self.rows})

    # -- after -------------------------------------------------------------------------------------------------------

    def conclude(self) -> Json:
        with self.clock.part("end"):
            self.finish()
        self.job.state("running", f"Saving the {self.THING}.")
        listed = self.save()
        return self.result(listed)

    def remember(self) -> None:
        if self.timed > 2:  # the first update also prepares, and the second stands alone
            costing.keep(self, self.entry, costing.cost_of(self, self.entry, self.base_hash, trial=False))

    def save(self) -> str:
        """Give what was trained its place in the data folder; the id under which lists have it."""
        name, step = self.placed(), self.trainer.step
        listed = f"{FAMILY}/{name}"
        if self.makes_adapter and step in picks.steps(self.job.folder):  # now with what was measured at the end
            picks.keep_copy(self.job.folder, step, adapters.home(self.job.home) / listed)
        self.job.event(self.EVENT, id=listed)
        self.job.state("running", f"The {self.THING} is listed as {listed}.")
        return listed

    def placed(self) -> str:
        """Write it under the name that was asked for, or under one near it that is free; that name."""
        name = save_student(self.job.home.root / self.request.HOME, self.request.name, self.job.spec.id, self.write)
        if name != self.request.name:
            self.notice(f"The name {self.request.name} was taken meanwhile; the {self.THING} is called {name}.")
        return name

    def origin(self) -> Json:
        """Of a card: what it was trained on, by what and how long."""
        method = self.trainer.method
        return {
            "base": self.entry.id, "base_hash": self.base_hash, "method": type(method).card.title, "steps": self.trainer.step,
            "seed": self.request.seed, "settings": method.config.model_dump(mode="json"),
        }  # fmt: skip

    def edit_card(self, **more: object) -> EditCard:
        """The card of an edit, with what is known of it besides."""
        known = {"title": self.request.called, "domain": self.entry.domain, **self.origin(), "created": self.created}
        return EditCard.model_validate({**known, **more})

    def write_edit(self, edit: Edit, target: Path, *, words: Sequence[str] = (), axis: Json | None = None) -> None:
        """Write an edit, in half precision, as the adapter of a new folder. words, axis: as of `adapters.described`."""
        write_adapter(self.model, self.entry, edit, target, words=words, run=self.job.spec.id, axis=axis)

    def write_card(self, target: Path, about: Json) -> None:
        """Write card.json of a new folder, as lists read it."""
        write_card(target, about)

    @property
    def created(self) -> str:
        """When the run was asked for, ISO 8601 in UTC."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.job.spec.created))

    def result(self, listed: str | None = None) -> Json:
        return {
            "request": self.request.model_dump(mode="json"), self.EVENT: listed, self.request.ON: self.entry.id,
            "models": {self.entry.id: {"hash": self.base_hash, "title": self.entry.title}}, "step": self.trainer.step,
            "losses": finite(self.last["smooth"]) if self.last else {}, **self.found(), "skipped": self.trainer.skipped,
            "sink_failures": self.curves.failures, "notices": self.notices, "versions": versions(),
        }  # fmt: skip


def write_adapter(
    model: OpenModel, entry: ModelEntry, edit: Edit, target: Path, *, words: Sequence[str], run: str, axis: Json | None = None
) -> None:
    """`TrainingJob.write_edit` of any model. entry: as the model is listed."""
    edit = edit.half()
    target.mkdir(parents=True)
    model.adapter_files.write(edit, target / adapters.FILE)
    card, layers = edit.card.model_dump(mode="json"), len(edit.pairs)
    write_card(target, adapters.described(entry, card, ranks=edit.ranks, layers=layers, words=words, run=run, axis=axis))


def write_card(target: Path, about: Json) -> None:
    """Write card.json of a new folder, as lists read it."""
    (target / adapters.CARD).write_text(json.dumps(about, indent=1, allow_nan=False) + "\n")


def make_trainer(request: TrainingRequest, method: Method, folder: Path, device: str, parallel: Parallel = ALONE) -> Trainer:
    """The trainer of a method with a request's settings. folder: the run directory."""
    settings = TrainerConfig.model_validate({**request.TRAINER, **request.trainer, "steps": request.steps})
    if settings.checkpointing and isinstance(method, OnFrozen):
        method.recompute()
        settings = settings.model_copy(update={"checkpointing": False})
    return Trainer(method, settings, folder / "checkpoints", device, parallel)
