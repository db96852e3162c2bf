"""Judges as jobs: whose pictures one is taught on, and how. Needs no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from studio.capabilities.judges.result import Judged
from studio.core.explain import count
from studio.core.files import Json
from studio.domains import domain_of
from studio.domains.media import medium_of
from studio.jobs.kinds import KINDS
from studio.library import training_fields as fields
from studio.library.models import ModelEntry
from studio.library.training_request import BasedRequest

METHOD = ("decomposed", "width", "batch", "lr", "explain", "balance", "ema")  # settings of the method


class JudgesRequest(BasedRequest):
    """On whose pictures a judge is taught, and how. The model's students draw some of them."""

    HOME, LIKE, STRIPS, MEASURES = "judges", "my-judge", 1, 4
    TRAINER = {"warmup": 50, "decay_from": 0.4, "decay_to": 0.02, "checkpoint_every": 200}
    MADE = "n_pictures"

    name: Annotated[str, fields.name_of("judge")]
    title: fields.Title = ""
    base: str = Field(
        default=fields.TEACHER, title="Model", description="Id of a teacher; it and its students draw what it is taught on."
    )
    decomposed: bool = Field(
        default=True,
        title="One thing at a time",
        description="Whether every thing that a prompt asks for is a question; off, a prompt is one question.",
    )
    width: int = Field(default=40, ge=8, le=256, multiple_of=8, title="Width", description="Channels of its first layer.")
    batch: Annotated[int, Field(ge=1, le=1024, title="Batch", description="Pictures an update.")] = 32
    lr: float = Field(default=3e-3, gt=0, le=1, allow_inf_nan=False, title="Learning rate")
    explain: float = Field(
        default=0.5, ge=0, le=100, allow_inf_nan=False, title="Explain", description="Weight of saying what is there."
    )
    balance: float = Field(
        default=0.5, ge=0, le=1, allow_inf_nan=False, title="Balance", description="How far kinds of questions count alike."
    )
    ema: float = Field(default=0.995, ge=0, lt=1, allow_inf_nan=False, title="EMA", description="Average of what is learned.")
    steps: Annotated[int, fields.steps_of("Updates.")] = 2500
    seed: fields.Seed = 0
    trainer: Json = Field(default_factory=dict, title="Trainer", description=fields.trainer_settings(TRAINER))
    n_pictures: int = Field(default=4000, ge=16, le=100_000, title="Pictures", description="Drawn, and answered by the oracle.")
    spoilt: float = Field(
        default=0.1,
        ge=0,
        le=0.9,
        allow_inf_nan=False,
        title="Spoilt pictures",
        description="Share of them in which what every sample must be does not hold, drawn by the domain.",
    )
    measure_every: Annotated[fields.Every, fields.measurements("; empty is four in a run; 0 is never")] = None
    stop_at: Annotated[fields.Goal, fields.goal_of("the share of answers that are the oracle's")] = None
    measure_seeds: int = Field(default=256, ge=4, le=10_000, title="Pictures measured", description="None of them taught.")
    sinks: fields.Sinks = ()

    @property
    def settings(self) -> Json:
        """Of the method."""
        return {name: getattr(self, name) for name in METHOD}

    @property
    def samples_at(self) -> int:
        """A judge draws nothing, so there are no strips."""
        return 0

    def check_base(self, entry: ModelEntry) -> None:
        domain = domain_of(entry.domain)
        if not domain.factors or not medium_of(domain).pictures:
            raise ValueError(
                f"{entry.id} is of {domain.title}, of which no oracle answers questions about pictures; one that is would fit."
            )
        if entry.role != "teacher":
            raise ValueError(
                f"{entry.id} is a student; its teacher {entry.teacher} draws together with all its students, so name that."
            )
        if not entry.oracle_here:
            raise ValueError(f"{entry.id} has no oracle on this machine, so nobody answers; a model that has one would fit.")


def label(request: JudgesRequest) -> str:
    """A title for lists of runs."""
    how = "one thing at a time" if request.decomposed else "whole prompts"
    return f"{request.name}: judge of {request.base}, {how}, {count(request.steps, 'step')}"


KINDS.add_training("judges", "Judges", JudgesRequest, label, "studio.capabilities.judges.work:Judging", Judged)
