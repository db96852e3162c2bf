"""Distil: teach a student to do a teacher's work in a few steps. A training run, in the batch lane."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from studio.services.explain import brief, did_you_mean
from studio.services.kinds import KINDS
from studio.services.models import Registry
from studio.services.paths import Paths

if TYPE_CHECKING:
    from studio.services.run import Run

FAMILY = "mine"  # ids of what people make here: mine/<name>
MAX_STEPS = 10_000_000
MAX_STRIPS = 1000  # sample strips of one run
MAX_MEASURES = 200
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


class DistillRequest(BaseModel):
    """What to teach whom, and how. The same object comes from the page, the command line, the API and `spec.json`.

    Settings of the objective and of the trainer are checked against their schemas where a job is submitted (the
    validation context then holds `paths`), and by their own classes when the run begins.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(title="Name", description="Of the new student; it is listed as mine/<name>.")
    teacher: str = Field(default="nano/teacher", title="Teacher", description="Id of the model to learn from.")
    objective: str = Field(default="lcm", title="Objective", description="What the student is taught by.")
    settings: dict[str, Any] = Field(default_factory=dict, title="Settings", description="Of the objective; the rest is default.")
    steps: int = Field(default=1000, ge=1, le=MAX_STEPS, title="Steps", description="Iterations of the objective.")
    seed: int = Field(default=0, ge=0, le=2**32 - 1, title="Seed", description="Of everything that is drawn while training.")
    rank: int | None = Field(
        default=None, ge=1, le=256, title="Adapter rank",
        description="Train low-rank adapters of this rank on one shared network; empty trains full weights.",
    )  # fmt: skip
    trainer: dict[str, Any] = Field(
        default_factory=dict, title="Trainer", description="warmup, decay_from, decay_to, precision, checkpoint_every, …"
    )
    n_scenes: int = Field(
        default=4000, ge=16, le=100_000, title="Scenes", description="Renders to learn from, for objectives that use data."
    )
    sample_every: int | None = Field(
        default=None, ge=0, le=MAX_STEPS, title="Sample every",
        description="Steps between sample strips; empty is twenty in a run, 0 is none.",
    )  # fmt: skip
    measure_every: int | None = Field(
        default=None, ge=0, le=MAX_STEPS, title="Measure every",
        description="Steps between measurements; empty is five in a run, 0 is none.",
    )  # fmt: skip
    measure_samples: int = Field(default=128, ge=8, le=2048, title="Samples", description="Pictures drawn for each measurement.")
    sinks: tuple[Literal["tensorboard", "trackio"], ...] = Field(
        default=(), title="Also log to", description="Where curves go besides the run's own log."
    )

    @property
    def samples_at(self) -> int:
        """Steps between sample strips, 0 for none."""
        return self.sample_every if self.sample_every is not None else max(1, self.steps // 20)

    @property
    def measures_at(self) -> int:
        """Steps between measurements, 0 for none."""
        return self.measure_every if self.measure_every is not None else max(1, self.steps // 5)

    @field_validator("name")
    @classmethod
    def _name(cls, given: str) -> str:
        if not _NAME.fullmatch(given):
            raise ValueError(
                f"The name {brief(given, 40)} does not fit; up to 40 lower-case letters, digits, ., _ and -, "
                "the first a letter or digit, would, like my-student."
            )
        return given

    @field_validator("sinks")
    @classmethod
    def _sinks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(given))

    @model_validator(mode="after")
    def _often(self) -> DistillRequest:
        for name, every, most in (
            ("sample_every", self.samples_at, MAX_STRIPS),
            ("measure_every", self.measures_at, MAX_MEASURES),
        ):
            if every and self.steps // every > most:
                least = -(-self.steps // most)
                raise ValueError(f"{name} is {every}, which makes more than {most:,} in {self.steps:,} steps; {least:,} fits.")
        return self

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> DistillRequest:
        context = info.context if isinstance(info.context, dict) else {}
        if isinstance(registry := context.get("registry"), Registry):
            self._check_teacher(registry)
        if isinstance(paths := context.get("paths"), Paths):  # it is being submitted
            if registry is not None:
                self._check_free(registry, paths)
            self._check_settings(paths)
        return self

    def _check_teacher(self, registry: Registry) -> None:
        teachers = [entry.id for entry in registry.entries.values() if entry.role == "teacher"]
        if self.teacher not in registry.entries:
            hint = did_you_mean(self.teacher, teachers) or f" Teachers are {', '.join(teachers) or 'none yet'}."
            raise ValueError(f"There is no teacher {brief(self.teacher)}.{hint}")
        entry = registry.entries[self.teacher]
        if entry.role != "teacher":
            raise ValueError(f"{entry.id} is a student; a teacher is needed, and its own is {entry.teacher}.")
        if not entry.available:
            raise ValueError(entry.reason)

    def _check_free(self, registry: Registry, paths: Paths) -> None:
        if f"{FAMILY}/{self.name}" in registry.entries or (paths.models / FAMILY / self.name).exists():
            raise ValueError(f"There is a model {FAMILY}/{self.name} already; another name would fit.")

    def _check_settings(self, paths: Paths) -> None:
        from studio.services import objectives

        catalogue = objectives.objectives(paths)
        assert catalogue is not None
        objectives.check_settings(catalogue, self.objective, self.settings)
        objectives.check_trainer(catalogue, self.trainer)


def label(request: DistillRequest) -> str:
    """A title for lists of runs."""
    return f"{request.name}: {request.objective} of {request.teacher}, {request.steps:,} steps"


@KINDS.add("distill", title="Distil", config=DistillRequest, lane="batch", label=label, resumable=True)
def run(request: DistillRequest, run: Run) -> dict[str, Any]:
    """Train, show and measure on the way, and list the student when it is finished."""
    from studio.services.distillation import Distillation

    return Distillation(request, run).run()
