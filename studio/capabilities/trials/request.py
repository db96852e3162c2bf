"""Trial: a few steps of a training, for the time and memory the whole of it would take. In the interactive lane.

Its outcome is kept in the cache (`library.costs`) and used by every form afterwards; whoever asked may delete the run.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from studio.capabilities.trials.result import Tried
from studio.core.explain import brief, explain
from studio.core.files import Json
from studio.jobs.kinds import KINDS
from studio.library.training_request import TrainingRequest

NAME = "trial"  # of what is never made
STEPS = 5
MADE, PICTURES, ONCE = 32, 16, 16  # of what is prepared, of a measurement, and drawn at the first step: prices of one follow


class TrialRequest(BaseModel):
    """kind, request: of a job that trains, as it would be submitted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(title="Kind", description="Of the training: distill, personalize, prefer, slider, controlnet, references.")
    request: Json = Field(title="Request", description="Of the training, as it would be submitted.")
    steps: int = Field(default=STEPS, ge=2, le=100, title="Steps", description="That are taken, besides one that is not counted.")

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> TrialRequest:
        config = KINDS.get(self.kind).config
        if not issubclass(config, TrainingRequest):
            raise ValueError(f"A job of kind {brief(self.kind)} trains nothing; distill and personalize would fit.")
        try:
            config.model_validate({**self.request, "name": NAME}, context=info.context)
        except ValueError as error:
            raise ValueError(explain(error, config)) from error
        return self


def label(request: TrialRequest) -> str:
    """A title for lists of runs."""
    return f"{request.steps} steps of a {request.kind}, to measure them"


KINDS.add(
    "trial",
    title="Trial",
    config=TrialRequest,
    lane="interactive",
    label=label,
    work="studio.capabilities.trials.work:Trial",
    gives=Tried,
)
