"""Adapters in a request: which, how strongly, and in which steps. Needs no torch.

Strengths are in calibrated units: at 1 a slider changes its attribute by the amount its card states, on the model it was
trained on, so sliders compare; an adapter without a calibration is used at the scale given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from studio.core.explain import brief, did_you_mean
from studio.library.adapters import Adapters
from studio.library.models import Registry
from studio.sampling.adapted import Chosen, adapted, adapters_of
from studio.sampling.plan import Plan

MAX_USES = 12
MAX_STRENGTH = 10.0
SCOPES = {
    "all": "every step", "first": "the first step", "rest": "all but the first step", "teacher": "the teacher's steps",
    "student": "the student's steps",
}  # fmt: skip
BELOW = re.compile(r"(below|above):([0-9]{1,4}(?:\.[0-9]{1,4})?)")
WRITTEN = re.compile(r"\s*(?P<id>[^=@\s]+)\s*(?:=\s*(?P<strength>[^@\s]+)\s*)?(?:@\s*(?P<on>\S+)\s*)?")
WRITE_HELP = "id=strength@steps, like mine/size=1.5 or mine/size=-2@first"
LevelOf = Callable[[str, float], float]  # (model, time) -> sigma / alpha


class AdapterUse(BaseModel):
    """One adapter. Also written as text: id, id=strength, id=strength@steps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(max_length=80, title="Adapter", description="Id, as in the list of adapters.")
    strength: float = Field(
        default=1.0,
        ge=-MAX_STRENGTH,
        le=MAX_STRENGTH,
        allow_inf_nan=False,
        title="Strength",
        description="In units of its calibration; negative is the other way, 0 is off.",
    )
    on: str = Field(default="all", title="Steps", description=f"{', '.join(SCOPES)}, below:LEVEL or above:LEVEL (noise σ/α).")

    @model_validator(mode="before")
    @classmethod
    def _written(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        match = WRITTEN.fullmatch(given[:200])
        if match is None:
            raise ValueError(f"{brief(given, 60)} is not an adapter; {WRITE_HELP}, would fit.")
        found = {name: value for name, value in match.groupdict().items() if value is not None}
        if "strength" in found:
            try:
                found["strength"] = float(found["strength"].replace("−", "-"))
            except ValueError:
                raise ValueError(f"{brief(found['strength'], 40)} is not a strength; {WRITE_HELP}, would fit.") from None
        return found

    @field_validator("on")
    @classmethod
    def _scope(cls, on: str) -> str:
        if on not in SCOPES and not BELOW.fullmatch(on):
            hint = did_you_mean(on, SCOPES) or f" Steps are {', '.join(SCOPES)}, below:0.5 or above:0.5."
            raise ValueError(f"There are no steps called {brief(on, 40)}.{hint}")
        return on

    def __str__(self) -> str:
        return f"{self.id}={self.strength:g}" + ("" if self.on == "all" else f"@{self.on}")

    def said(self, title: str = "") -> str:
        """For labels and sentences: "Size +1.5 in the first step"."""
        where = SCOPES.get(self.on) or self.on.replace(":", " noise level ")
        amount = f"{self.strength:+g}".replace("-", "−")
        return f"{title or self.id} {amount}" + ("" if self.on == "all" else f" {'' if ':' in self.on else 'in '}{where}")


def distinct(uses: Sequence[AdapterUse]) -> Sequence[AdapterUse]:
    """ValueError in one sentence where there are too many, or one stands there twice."""
    if len(uses) > MAX_USES:
        raise ValueError(f"{len(uses)} adapters were given; at most {MAX_USES} fit at once.")
    names = [use.id for use in uses]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"The adapter {twice} is there twice; each counts once.")
    return uses


def check(uses: Iterable[AdapterUse], models: Iterable[str], registry: Registry, adapters: Adapters) -> None:
    """ValueError in one sentence where an adapter is not there or does not fit one of the models it would be on."""
    ids = list(models)
    for use in uses:
        entry = adapters.get(use.id)
        for model_id in ids:
            model = registry.get(model_id)
            if use.on in ("teacher", "student") and model.role != use.on:
                continue
            if misfit := entry.misfit(model):
                raise ValueError(misfit)


def dressed(
    plans: Sequence[Plan], uses: Sequence[AdapterUse], registry: Registry, adapters: Adapters, level: LevelOf, *, start: int = 0
) -> list[Plan]:
    """Plans with the adapters on. level: noise of a model at a time. start: steps before it stay as they are."""
    out = list(plans)
    for use in uses:
        weight = use.strength * adapters.get(use.id).calibration
        chosen = _chosen(use.on, registry, level, start)
        out = [adapted(plan, use.id, weight, chosen) for plan in out]
    return out


def _chosen(on: str, registry: Registry, level: LevelOf, start: int) -> Chosen:
    if match := BELOW.fullmatch(on):
        bound = float(match[2])
        under = match[1] == "below"
        return lambda step, model, t: step >= start and (level(model, t) < bound) == under
    if on in ("teacher", "student"):
        return lambda step, model, t: step >= start and registry.get(model).role == on
    return lambda step, model, t: step >= start and (on == "all" or (step == start) == (on == "first"))


def unused(uses: Sequence[AdapterUse], plans: Sequence[Plan]) -> list[str]:
    """A sentence for every adapter that is on in no step of any of these plans, though it was given a strength."""
    there = adapters_of(*plans)
    return [f"{use.said()} is on in no step of what is drawn." for use in uses if use.id not in there and use.strength]


def words_of(uses: Iterable[AdapterUse], adapters: Adapters) -> tuple[str, ...]:
    """The new words that prompts may use with these adapters."""
    return tuple(word for use in uses for word in adapters.get(use.id).words)
