"""Live: one run that draws whatever its newest wish says, for as long as wishes come (`wishes`).

The first arm is drawn at every change of the text, the others one after another when typing pauses. A wish that comes while
something is drawn makes those before it stale: they are not drawn.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from studio.capabilities.live.result import Shown
from studio.jobs.kinds import KINDS
from studio.library.draw_request import CompareRequest

MAX_SEEDS = 4  # drawn at every change
ARMS = ("student", "teacher")  # unless others are asked for; every pair has them


class LiveRequest(BaseModel):
    """What to draw live."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    draw: CompareRequest = Field(
        title="Draw",
        description="Pair, seeds and arms, with the text to begin with. The first arm is drawn at every change, the others when "
        "typing pauses.",
    )
    idle: int = Field(default=60, ge=1, le=3600, title="Idle", description="Seconds without a wish after which it ends.")

    @model_validator(mode="before")
    @classmethod
    def _usual_arms(cls, given: object) -> object:
        if not isinstance(given, dict) or not isinstance(draw := given.get("draw"), dict):
            return given
        return {**given, "draw": {"arms": list(ARMS), "seeds": [0], **draw}}

    @field_validator("draw")
    @classmethod
    def _light(cls, draw: CompareRequest) -> CompareRequest:
        if len(draw.seeds) > MAX_SEEDS:
            raise ValueError(f"{len(draw.seeds)} seeds are more than a live canvas draws at every change; 1 to {MAX_SEEDS} fit.")
        if draw.hints or draw.additions:
            raise ValueError("A live canvas follows no ControlNet and takes no additions; Compare draws with them.")
        return draw


KINDS.add(
    "live",
    title="Live",
    config=LiveRequest,
    lane="interactive",
    visitors=True,
    label=lambda request: request.draw.prompt,
    work="studio.capabilities.live.work:Live",
    gives=Shown,
)
