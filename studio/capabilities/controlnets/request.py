"""ControlNet: teach a second encoder to pass a picture of edges or of a layout on to a model. In the batch lane."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from studio.capabilities.controlnets.result import Hinted
from studio.core.explain import brief, count, did_you_mean
from studio.core.files import Json
from studio.domains import domain_of, first
from studio.jobs.kinds import KINDS
from studio.library import training_fields as fields
from studio.library.models import ModelEntry
from studio.library.training_request import BasedRequest

METHOD = ("rank", "batch", "lr", "drop", "ema")  # fields that are settings of the method


class ControlNetRequest(BasedRequest):
    """What it should read, on which model it is trained, and how."""

    HOME, LIKE, STRIPS, MEASURES = "controlnets", "my-layout", 4, 1
    TRAINER = {"warmup": 20, "decay_from": 0.5, "checkpoint_every": 50}
    MADE = "n_scenes"

    name: Annotated[str, fields.name_of("ControlNet")]
    title: fields.Title = ""
    base: str = Field(default=fields.TEACHER, title="Model", description="Id of the teacher it is trained on.")
    hint: str = Field(
        default=next(iter(first().hints), ""),
        title="Hint",
        json_schema_extra={"enum": list(first().hints)},
        description=f"{'. '.join(f'{name}: {hint.about}' for name, hint in first().hints.items())}.",
    )
    rank: int = Field(default=8, ge=1, le=256, title="Rank", description="Of the differences from the model's encoder.")
    keep: float = Field(
        default=1.0,
        gt=0,
        le=1,
        allow_inf_nan=False,
        title="Keep",
        description="Share of the differences' squared size that is kept; 0.98 nearly halves a file of rank 8.",
    )
    batch: fields.Batch = 16
    lr: float = Field(default=2e-3, gt=0, le=1, allow_inf_nan=False, title="Learning rate")
    drop: float = Field(
        default=0.25,
        ge=0,
        le=1,
        allow_inf_nan=False,
        title="Dropped prompts",
        description="Share of samples whose prompt is left out, so that the hint is read without words too.",
    )
    ema: float = Field(default=0.98, ge=0, lt=1, allow_inf_nan=False, title="EMA", description="Average of what is learned.")
    steps: Annotated[int, fields.steps_of("Updates.")] = 600
    seed: fields.Seed = 0
    trainer: Json = Field(default_factory=dict, title="Trainer", description=fields.trainer_settings(TRAINER))
    n_scenes: int = Field(default=2000, ge=4, le=20_000, title="Scenes", description="Rendered, with their hints.")
    sample_every: Annotated[fields.Every, fields.strips_of("strips of pictures beside their hints", "four")] = None
    measure_every: Annotated[fields.Every, fields.measurements(" on the base; empty is once, at the end; 0 is never")] = None
    stop_at: Annotated[fields.Goal, fields.goal_of("the share of pictures that follow the hint")] = None
    measure_seeds: int = Field(
        default=64, ge=2, le=2048, title="Scenes measured", description="One picture each, with the hint and without."
    )
    sinks: fields.Sinks = ()

    @property
    def settings(self) -> Json:
        """Of the method."""
        return {name: getattr(self, name) for name in METHOD}

    def check_base(self, entry: ModelEntry) -> None:
        hints = domain_of(entry.domain).hints
        if not hints:
            raise ValueError(f"{entry.id} is of the domain {entry.domain}, which has no hints that a ControlNet could follow.")
        if self.hint not in hints:
            raise ValueError(f"There is no hint {brief(self.hint)}; {' and '.join(hints)} fit.{did_you_mean(self.hint, hints)}")
        if entry.role != "teacher":
            raise ValueError(f"{entry.id} is a student; a ControlNet of its teacher {entry.teacher} works on it, so train that.")


def label(request: ControlNetRequest) -> str:
    """A title for lists of runs."""
    return f"{request.name}: {request.hint} on {request.base}, {count(request.steps, 'step')}"


KINDS.add_training("controlnet", "ControlNet", ControlNetRequest, label, "studio.capabilities.controlnets.work:Hinting", Hinted)
