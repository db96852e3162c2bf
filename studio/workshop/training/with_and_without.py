"""Trainings whose result is measured with it and without, on the base first and at the end on its students and a hybrid."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import nullcontext

from torch import Tensor

from studio.core.domain import Said
from studio.core.explain import explain
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.lowrank import LayerChange
from studio.core.recipe import Recipe
from studio.domains import domain_of
from studio.library.models import ModelEntry
from studio.sampling.plan import student_plan
from studio.workshop.arms_measured import Arm, arms
from studio.workshop.draw import samples
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

    def drawn(self, shown: Sequence[Said], seeds: Sequence[int], worn: LayerChange | None) -> Tensor:
        """Every prompt with every seed on the base, wearing a change or bare."""
        arm, models = self.alone
        said, each = [line for line in shown for _ in seeds], list(seeds) * len(shown)
        with nullcontext() if worn is None else self.model.under(worn, 1.0):
            return samples(arm.plan, models, domain_of(self.entry.domain), said, each, lambda _: self.between())

    def finish(self) -> None:
        """Every arm that was not measured yet. What goes wrong with one is said, and the others go on."""
        if self.request.measures_at and self.readable:
            for arm in self.arms(self.students()):
                self.heard()
                if arm.name in self.final():
                    continue
                try:
                    models = {name: self.job.tools.models.whole(self.job.tools.registry.get(name)) for name in arm.plan.models}
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


class OnFamily(Armed[R]):
    """What is trained on a teacher or a student, and measured on the base, its teacher, that one's students and a hybrid."""

    def arms(self, students: list[ModelEntry]) -> list[Arm]:
        """The base alone; with students, its teacher, all of that teacher's students, and a hybrid."""
        if self.entry.role == "teacher":
            found = arms(self.entry, students)
        else:
            recipe = Recipe.model_validate(self.entry.recipe)
            plan = student_plan(self.entry.id, recipe)
            found = [Arm(self.entry.id, self.entry.title, plan, plan, self.entry.id)]
            if students:
                ordered = sorted(students, key=lambda entry: entry.id != self.entry.id)
                found += arms(self.job.tools.registry.get(str(self.entry.teacher)), ordered)
        kept: dict[str, Arm] = {}
        for arm in found:
            kept.setdefault(arm.plan.model_dump_json(), arm)  # two arms of hints differ in the hint alone
        return list(kept.values())

    def students(self) -> list[ModelEntry]:
        """Of the base's family: models that the same adapter fits."""
        family = self.entry.teacher or self.entry.id
        entries = self.job.tools.registry.entries.values()
        return [e for e in entries if e.teacher == family and e.available and e.recipe is not None]
