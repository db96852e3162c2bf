"""Measure: the figures a leaderboard needs, for a teacher, its students and their hybrids. In the batch lane.

What was measured before is not measured again, so a run that is cancelled, or whose worker dies, is continued by another.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from studio.capabilities.leaderboard import kept_figures
from studio.capabilities.leaderboard.kept_figures import HELD_OUT, MAX_SAMPLES, SAMPLES, Arm
from studio.capabilities.leaderboard.result import Measured
from studio.core.explain import brief, did_you_mean
from studio.domains import first
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths
from studio.library.models import Registry


class MeasureRequest(BaseModel):
    """Whose figures, and of how many pictures. `students` are ids; none means all of this teacher."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    teacher: str = Field(default=first().defaults.teacher, title="Teacher", description="Whose students are measured.")
    students: tuple[str, ...] = Field(default=(), title="Students", description="Ids; empty is every student of the teacher.")
    samples: int = Field(
        default=SAMPLES, ge=SAMPLES, le=MAX_SAMPLES, title="Pictures", description="Of each model, over fixed held-out prompts."
    )

    @field_validator("samples")
    @classmethod
    def _whole_prompts(cls, given: int) -> int:
        each = HELD_OUT["seeds_each"]
        if given % each:
            raise ValueError(f"{given} pictures do not fit; every prompt gets {each}, so {given - given % each} would.")
        return given

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> MeasureRequest:
        context = info.context if isinstance(info.context, dict) else {}
        if isinstance(registry := context.get("registry"), Registry):
            found = arms_of(self, registry)
            if isinstance(paths := context.get("paths"), Paths) and not lacking(paths, found, self.samples):
                done = f"All {len(found)} of {self.teacher} have figures of {self.samples:,} pictures already"
                raise ValueError(f"{done}; more pictures would measure them anew.")
        return self


def arms_of(request: MeasureRequest, registry: Registry) -> list[Arm]:
    """The arms a request asks for, the teacher always among them. ValueError in one sentence when it cannot be done."""
    if request.teacher not in registry.entries:
        teachers = [entry.id for entry in registry.entries.values() if entry.role == "teacher"]
        hint = did_you_mean(request.teacher, teachers) or f" Teachers are {', '.join(teachers) or 'none yet'}."
        raise ValueError(f"There is no teacher {brief(request.teacher)}.{hint}")
    found = kept_figures.arms(registry, request.teacher)
    if problem := kept_figures.unmeasurable(found[0].teacher):
        raise ValueError(problem)
    own = {arm.student.id for arm in found if arm.student is not None}
    for student in request.students:
        if student not in own:
            hint = did_you_mean(student, own) or f" Its students are {', '.join(sorted(own)) or 'none yet'}."
            raise ValueError(f"{brief(student)} is no student of {request.teacher} that can be opened here.{hint}")
    return [arm for arm in found if arm.student is None or not request.students or arm.student.id in request.students]


def lacking(paths: Paths, found: list[Arm], samples: int) -> list[Arm]:
    """Those of which no figures of so many pictures are kept."""
    return [arm for arm in found if kept_figures.kept(paths, arm, samples) is None]


def label(request: MeasureRequest) -> str:
    """A title for lists of runs."""
    whose = ", ".join(request.students) or f"students of {request.teacher}"
    return f"Figures: {whose}, {request.samples} pictures each"


KINDS.add(
    "measure",
    title="Measure",
    config=MeasureRequest,
    lane="batch",
    label=label,
    work="studio.capabilities.leaderboard.work:Measuring",
    gives=Measured,
)
