"""Who is evaluated: a model as it is meant to be sampled, or a plan of a student and its teacher, with adapters on. No torch.

Written as text: `nano/dmd2`, `nano/dmd2@hybrid-1`, `nano/teacher + mine/size=1.5@first`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, model_validator

from studio.core.explain import brief
from studio.library.adapter_uses import AdapterUse, check, distinct
from studio.library.adapters import Adapters
from studio.library.draw_request import MAX_STEPS, CompareRequest, label, plans_for
from studio.library.models import ModelEntry, Registry
from studio.sampling import plan as plans
from studio.sampling.plan import Plan

MAX_CANDIDATES = 6
WRITE_HELP = "model@arm + adapter=strength, like nano/dmd2@hybrid-1 or nano/teacher + mine/no-cat"
_PLUS = re.compile(r"\s*\+\s*(?=[A-Za-z])")  # a strength may be +1.5
_WRITTEN = re.compile(r"(?P<model>[^@\s]+)\s*(?:@\s*(?P<arm>\S+))?")


class Candidate(BaseModel):
    """model: its id. arm: of Compare, "" is the model itself. adapters: that are on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(max_length=90, title="Model", description="Id of a teacher or a student.")
    arm: str = Field(default="", max_length=60, title="Arm", description="A plan of a student and its teacher, like hybrid-1.")
    adapters: tuple[AdapterUse, ...] = Field(default=(), title="Adapters", description="That are on.")

    @model_validator(mode="before")
    @classmethod
    def _written(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        model, *uses = _PLUS.split(given.strip()[:400])
        match = _WRITTEN.fullmatch(model.strip())
        if match is None:
            raise ValueError(f"{brief(given, 60)} is no candidate; {WRITE_HELP}, would fit.")
        return {"model": match["model"], "arm": match["arm"] or "", "adapters": uses}

    @model_validator(mode="after")
    def _distinct(self) -> Candidate:
        distinct(self.adapters)
        return self

    def __str__(self) -> str:
        return " + ".join([f"{self.model}@{self.arm}" if self.arm else self.model, *map(str, self.adapters)])

    def plan(self, registry: Registry, teacher_steps: int | None) -> Plan:
        """How it is sampled, without its adapters, named as it is written. ValueError in one sentence."""
        entry = registry.get(self.model)
        if not entry.available:
            raise ValueError(entry.reason)
        if entry.role == "student":
            asked = {"prompt": "a sample", "pair": entry.id, "arms": (self.arm or "student",), "seeds": (0, 1)}
            steps = {} if teacher_steps is None else {"teacher_steps": teacher_steps}
            found = plans_for(CompareRequest.model_validate({**asked, **steps}), registry)[0]
            return found.model_copy(update={"name": str(self)})
        if self.arm not in ("", "teacher"):
            raise ValueError(f"{entry.id} is a teacher and has no arm {brief(self.arm)}; a student of it would fit.")
        grid = entry.timesteps(min(teacher_steps or entry.sampling.steps, MAX_STEPS))
        return plans.teacher_plan(entry.id, grid, entry.sampling.rule, entry.guidance, name=str(self))

    def title(self, registry: Registry, adapters: Adapters) -> str:
        """For tables and sentences."""
        entry = registry.get(self.model)
        name = f"{label(self.arm)[:1].upper()}{label(self.arm)[1:]} of {entry.title}" if self.arm else entry.title
        return ", ".join([name, *(use.said(adapters.get(use.id).title) for use in self.adapters)])


def check_candidates(wanted: Sequence[Candidate], registry: Registry, adapters: Adapters, steps: int | None) -> list[ModelEntry]:
    """The models of all of them. ValueError in one sentence where one does not fit, or they draw different kinds of things."""
    entries = []
    for one in wanted:
        plan = one.plan(registry, steps)
        check(one.adapters, plan.models, registry, adapters)
        entries.append(registry.get(one.model))
    first = entries[0]
    other = next((entry for entry in entries if (entry.domain, entry.size) != (first.domain, first.size)), None)
    if other is not None:
        raise ValueError(f"{first.id} and {other.id} draw different things and cannot be compared; models of one size would fit.")
    return entries
