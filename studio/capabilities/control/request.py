"""Control: one adapter at a row of strengths, on teacher, student and hybrid, the same seeds everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from studio.capabilities.control.result import Controlled
from studio.jobs.kinds import KINDS
from studio.library.adapter_uses import MAX_STRENGTH, AdapterUse
from studio.library.draw_request import CompareRequest

STRENGTHS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
ARMS = ("teacher", "student", "hybrid-1")
MAX_STRENGTHS = 13
MAX_PICTURES = 1500  # arms × strengths × seeds


class ControlRequest(BaseModel):
    """What to draw at which strengths. The same object comes from the page, the API, the command line and `spec.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    draw: CompareRequest = Field(title="Draw", description="Prompt, models, arms and seeds; its adapters stay as they are given.")
    vary: AdapterUse = Field(title="Adapter", description="The one whose strength runs over `strengths`; its own is not used.")
    strengths: tuple[float, ...] = Field(
        default=STRENGTHS, title="Strengths", description="In units of its calibration, in rising order; 0 is without it."
    )

    @field_validator("strengths")
    @classmethod
    def _strengths(cls, given: tuple[float, ...]) -> tuple[float, ...]:
        found = tuple(sorted(set(given)))
        if not 1 <= len(found) <= MAX_STRENGTHS or not all(abs(s) <= MAX_STRENGTH for s in found):
            said = ", ".join(f"{s:g}" for s in given[:8])
            raise ValueError(f"Strengths {said} do not fit; 1 to {MAX_STRENGTHS} of at most {MAX_STRENGTH:g} would.")
        return found

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> ControlRequest:
        if any(use.id == self.vary.id for use in self.draw.adapters):
            raise ValueError(f"{self.vary.id} is both held and varied; one of them would fit.")
        many = len(self.strengths) * len(self.draw.arms) * len(self.draw.seeds)
        if many > MAX_PICTURES:
            raise ValueError(
                f"{many:,} pictures were asked for; at most {MAX_PICTURES:,} fit, so fewer seeds or strengths would."
            )
        if isinstance(info.context, dict) and info.context.get("registry") is not None:
            both = (*self.draw.adapters, self.vary)  # also checks that it fits the models
            CompareRequest.model_validate(self.draw.model_dump() | {"adapters": both}, context=info.context)
        return self


def label(request: ControlRequest) -> str:
    return f"{request.vary.id}: {request.draw.prompt}"


def name(arm: str, strengths: Sequence[float], strength: float) -> str:
    """The name of an arm at one of the strengths, also of the folder of its pictures."""
    return f"{arm}.{list(strengths).index(strength)}"


KINDS.add(
    "control",
    title="Control",
    config=ControlRequest,
    lane="interactive",
    visitors=True,
    label=label,
    work="studio.capabilities.control.work:Controlling",
    gives=Controlled,
)
