"""Trainings whose result is measured with it and without, on the base first and at the end on its students and a hybrid."""

from __future__ import annotations

from abc import abstractmethod

from studio.core.explain import explain
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.library.models import ModelEntry
from studio.workshop.arms_measured import Arm
from studio.workshop.training.job import R, TrainingJob


class Armed(TrainingJob[R]):
    """rows: {"step", "arm", "with", "without", …}. bench: what measures; None where nobody can read the pictures."""

    bench: object = None

    @property
    def readable(self) -> bool:
        """Whether there is something that measures."""
        return self.bench is not None

    @abstractmethod
    def arms(self, students: list[ModelEntry]) -> list[Arm]:
        """What is measured; the base alone comes first."""

    @abstractmethod
    def compared(self, arm: Arm, models: dict[str, OpenModel]) -> Json:
        """Figures of one arm with it and without."""

    @property
    def alone(self) -> tuple[Arm, dict[str, OpenModel]]:
        """The base by itself: its arm, and the models of that."""
        return self.arms([])[0], {self.entry.id: self.model}

    def students(self) -> list[ModelEntry]:
        """The base's students that can be opened."""
        entries = self.job.tools.registry.entries.values()
        return [e for e in entries if e.teacher == self.entry.id and e.available and e.recipe is not None]

    def figures(self, step: int) -> Json | None:
        return self._figures(step, *self.alone) if self.readable else None

    def ending(self) -> float:
        """By evaluations of networks; the base is measured before."""
        first, *others = (arm.plan.nfe for arm in self.arms(self.students()))
        return sum(others) / first

    def finish(self) -> None:
        """Every arm that was not measured yet. What goes wrong with one is said, and the others go on."""
        if self.request.measures_at and self.readable:
            for arm in self.arms(self.students()):
                self.heard()
                if arm.name in self.final():
                    continue
                try:
                    models = {name: self.job.tools.models.model(self.job.tools.registry.get(name)) for name in arm.plan.models}
                    self.keep_row(self._figures(self.trainer.step, arm, models))
                except (OSError, ValueError, KeyError) as error:
                    self.notice(f"The {self.THING} could not be measured on {arm.title}: {explain(error)}")
        self.heard()

    def final(self) -> dict[str, Json]:
        """By arm, of the last step."""
        return {row["arm"]: row for row in self.rows if row["step"] == self.trainer.step}

    def _figures(self, step: int, arm: Arm, models: dict[str, OpenModel]) -> Json:
        self.job.state("running", f"Measuring {arm.title} with it and without.")
        return {"step": step, **self.compared(arm, models)}
