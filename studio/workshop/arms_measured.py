"""Arms on which something trained is measured with it and without: a teacher, its students, a hybrid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from studio.core.files import Json
from studio.core.recipe import Recipe
from studio.library.models import ModelEntry
from studio.metrics.proportion import wilson
from studio.sampling import plan as plans
from studio.sampling.hinted import with_hint
from studio.sampling.plan import Plan

TEACHER_STEPS = 10  # enough to tell what a picture shows
NAME = "hint"  # of the ControlNet while it is measured


@dataclass(frozen=True)
class Arm:
    """A plan that is measured, and in which of its segments the hint is seen."""

    name: str
    title: str
    plan: Plan  # without hints
    hinted: Plan
    model: str  # id of the model that it is about

    @property
    def said(self) -> Json:
        """What a row of figures says of it."""
        return {"arm": self.name, "title": self.title, "model": self.model, "steps": self.plan.steps, "nfe": self.plan.nfe}


def share(hits: Tensor) -> Json:
    """Of bool [N] the share that is true, with Wilson's interval."""
    return wilson(int(hits.sum()), len(hits)).to_dict()


def arms(teacher: ModelEntry, students: Sequence[ModelEntry]) -> list[Arm]:
    """The teacher, every student on its recipe, and the hybrid of the first one: hint in all steps, and in the base's alone."""
    steps = min(TEACHER_STEPS, teacher.sampling.steps)
    grid = teacher.timesteps(steps)
    bare = plans.teacher_plan(teacher.id, grid, teacher.sampling.rule, teacher.guidance)
    found = [Arm("teacher", teacher.title, bare, with_hint(bare, NAME), teacher.id)]
    for student in students:
        recipe = Recipe.model_validate(student.recipe)
        bare = plans.student_plan(student.id, recipe)
        found.append(Arm(student.id, student.title, bare, with_hint(bare, NAME), student.id))
    for student in students[:1]:
        recipe = Recipe.model_validate(student.recipe)
        bare = plans.hybrid_plan(teacher.id, student.id, recipe, 1)
        first = with_hint(bare, NAME, chosen=lambda segment: segment.model == teacher.id)
        found.append(Arm("hybrid-1", f"Hybrid-1 with {student.title}", bare, with_hint(bare, NAME), student.id))
        found.append(Arm("hybrid-1, first step", "Hybrid-1, hint in the base's step alone", bare, first, student.id))
    return found
