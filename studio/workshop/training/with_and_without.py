"""Trainings whose result is measured with it and without, on the base first and at the end on its students and a hybrid."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol, TypeVar

from studio.core.explain import explain
from studio.core.family import OpenModel
from studio.core.files import Json, read_json
from studio.jobs.run import Run
from studio.library.models import ModelEntry
from studio.workshop.arms_measured import Arm
from studio.workshop.tools import Tools
from studio.workshop.training.job import Training, TrainingRequest


class BasedRequest(TrainingRequest, Protocol):
    """Of a training on one model."""

    @property
    def base(self) -> str: ...


R = TypeVar("R", bound=BasedRequest)


class Armed(Training[R]):
    """THING: what is trained, as sentences call it. EVENT: the kind of event that a measured arm is said with.

    rows: what was measured, {"step", "arm", "with", "without", …}, kept in measures.json; a run that goes on drops those
    that are later than its checkpoint."""

    THING: str
    EVENT: str
    model: OpenModel  # of the base, once it is opened
    bench: Any = None  # None where nobody can read the pictures

    def __init__(self, request: R, run: Run[Tools]):
        super().__init__(request, run)
        self.entry: ModelEntry = run.tools.registry.get(request.base)
        self.rows: list[Json] = []

    @abstractmethod
    def arms(self, students: list[ModelEntry]) -> list[Arm]:
        """What is measured; the base alone comes first."""

    @abstractmethod
    def compared(self, arm: Arm, models: dict[str, OpenModel]) -> Json:
        """Figures of one arm with it and without."""

    @abstractmethod
    def headline(self, row: Json) -> dict[str, float]:
        """The point of a curve that a measurement on the way adds."""

    def students(self) -> list[ModelEntry]:
        """The base's students that can be opened."""
        entries = self.job.tools.registry.entries.values()
        return [e for e in entries if e.teacher == self.entry.id and e.available and e.recipe is not None]

    def recall(self) -> None:
        """Take up what was measured before the checkpoint that the run goes on from."""
        kept = (read_json(self.job.folder / "measures.json") or {}).get("rows", [])
        self.rows = [row for row in kept if row["step"] <= self.trainer.step]

    def measured(self, step: int) -> bool:
        return self.bench is None or self._row("teacher", step) is not None

    def measure(self, step: int) -> None:
        row = self._measure(self.arms([])[0], {self.entry.id: self.model}, step)
        self.curves.forward(step, self.headline(row))

    def measure_all(self) -> None:
        """At the end: every arm that was not measured yet. What goes wrong with one is said, and the others go on."""
        if self.request.measures_at and self.bench is not None:
            for arm in self.arms(self.students()):
                self.heard()
                if self._row(arm.name, self.request.steps) is not None:
                    continue
                try:
                    models = {name: self.job.tools.models.model(self.job.tools.registry.get(name)) for name in arm.plan.models}
                    self._measure(arm, models, self.request.steps)
                except (OSError, ValueError, KeyError) as error:
                    self.notice(f"The {self.THING} could not be measured on {arm.title}: {explain(error)}")
        self.heard()

    def final(self) -> dict[str, Json]:
        """By arm, of the last step."""
        return {row["arm"]: row for row in self.rows if row["step"] == self.request.steps}

    def _row(self, arm: str, step: int) -> Json | None:
        return next((row for row in self.rows if (row["arm"], row["step"]) == (arm, step)), None)

    def _measure(self, arm: Arm, models: dict[str, OpenModel], step: int) -> Json:
        self.job.state("running", f"Measuring {arm.title} with it and without.")
        row = {"step": step, **self.compared(arm, models)}
        self.rows.append(row)
        self.job.event(self.EVENT, **row)
        self.job.keep("measures.json", {"rows": self.rows})
        return row
