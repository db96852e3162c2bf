"""ControlNet: teach a second encoder to pass a picture of edges or of a layout on to a model. In the batch lane."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationInfo, model_validator

from studio.core.explain import brief, did_you_mean
from studio.core.files import Json
from studio.domains import domain_of, first
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths
from studio.library.controlnets import check_name
from studio.library.models import Registry
from studio.library.training_request import MAX_STEPS, Every, Seed, Sinks, TrainingRequest

TRAINER = {"warmup": 20, "decay_from": 0.5, "checkpoint_every": 50}  # unless others are given
METHOD = ("rank", "batch", "lr", "drop", "ema")  # fields that are settings of the method


class ControlNetRequest(TrainingRequest):
    """What it should read, on which model it is trained, and how."""

    LIKE, STRIPS, MEASURES = "my-layout", 4, 1

    name: str = Field(title="Name", description="Of the new ControlNet; it is listed as mine/<name>.")
    title: str = Field(default="", max_length=80, title="Title", description="How lists call it; empty is its name.")
    base: str = Field(default=first().defaults.teacher, title="Model", description="Id of the teacher it is trained on.")
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
    batch: int = Field(default=16, ge=1, le=1024, title="Batch", description="Samples an update.")
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
    steps: int = Field(default=600, ge=1, le=MAX_STEPS, title="Steps", description="Updates.")
    seed: Seed = 0
    trainer: dict[str, Any] = Field(
        default_factory=dict,
        title="Trainer",
        description="warmup (20 here), decay_from (0.5 here), decay_to, precision, checkpoint_every, …",
    )
    n_scenes: int = Field(default=2000, ge=4, le=20_000, title="Scenes", description="Rendered, with their hints.")
    sample_every: Every = Field(
        default=None,
        title="Sample every",
        description="Steps between strips of pictures beside their hints; empty is four in a run, 0 is none.",
    )
    measure_every: Every = Field(
        default=None,
        title="Measure every",
        description="Steps between measurements on the base; empty is once, at the end; 0 is never.",
    )
    measure_seeds: int = Field(
        default=64, ge=2, le=2048, title="Scenes measured", description="One picture each, with the hint and without."
    )
    sinks: Sinks = ()

    @property
    def settings(self) -> Json:
        """Of the method."""
        return {name: getattr(self, name) for name in METHOD}

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> ControlNetRequest:
        context = info.context if isinstance(info.context, dict) else {}
        if isinstance(registry := context.get("registry"), Registry):
            self._check_base(registry)
        if isinstance(paths := context.get("paths"), Paths):  # it is being submitted
            from studio.library import method_cards

            check_name(paths, self.name)
            catalogue = method_cards.objectives(paths)
            assert catalogue is not None
            method_cards.check_trainer(catalogue, self.trainer)
        return self

    def _check_base(self, registry: Registry) -> None:
        entry = registry.get(self.base)
        if not entry.available:
            raise ValueError(entry.reason)
        hints = domain_of(entry.domain).hints
        if not hints:
            raise ValueError(f"{entry.id} is of the domain {entry.domain}, which has no hints that a ControlNet could follow.")
        if self.hint not in hints:
            raise ValueError(f"There is no hint {brief(self.hint)}; {' and '.join(hints)} fit.{did_you_mean(self.hint, hints)}")
        if entry.role != "teacher":
            raise ValueError(f"{entry.id} is a student; a ControlNet of its teacher {entry.teacher} works on it, so train that.")


def label(request: ControlNetRequest) -> str:
    """A title for lists of runs."""
    return f"{request.name}: {request.hint} on {request.base}, {request.steps:,} steps"


KINDS.add(
    "controlnet",
    title="ControlNet",
    config=ControlNetRequest,
    lane="batch",
    label=label,
    resumable=True,
    work="studio.capabilities.controlnets.work:Hinting",
)
