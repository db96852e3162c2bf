"""Scrub: every step of a run made visible, and other endings from any of them.

A scrub run draws a comparison of its own (`draw`), or looks at one that was drawn before (`source`), and may branch from
recorded steps. What was drawn is read from traces; only what is new touches a network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from studio.capabilities.scrub.result import Scrubbed
from studio.core.explain import brief, did_you_mean
from studio.core.recipe import Recipe
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths, check_run_id
from studio.library.adapter_uses import MAX_USES, WRITE_HELP, AdapterUse, check, distinct
from studio.library.adapters import Adapters, load_adapters
from studio.library.draw_request import MAX_GUIDANCE, MAX_PROMPT, CompareRequest, check_guidance, plans_for
from studio.library.models import Registry
from studio.library.sizes import interchangeable
from studio.library.trace_header import read_header, traced

if TYPE_CHECKING:
    from studio.sampling.plan import Plan

MAX_BRANCHES = 8  # in one request
MAX_ARMS = 24  # rows of one run, its past branches among them
MAX_FRAMES = 6000  # pictures of one run: arms × steps × seeds
MAX_NOISE = 9999
MAX_LEFT = 100  # steps of a branch


class Branch(BaseModel):
    """Another ending of an arm, from the state it had when step `step` began. What is not given stays as it was.

    Another model takes the rest of the steps where they are in noise; a student that goes on instead takes the points of its
    own recipe below that noise level, by its own rule.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: str = Field(title="Arm", max_length=80, description="Whose steps come before.")
    step: int = Field(ge=0, le=1000, title="From step", description="The first step that is taken anew; 0 is the first.")
    model: str | None = Field(default=None, title="Model", description="Id of the model that goes on.")
    prompt: str | None = Field(default=None, title="Prompt", json_schema_extra={"maxLength": MAX_PROMPT})
    guidance: float | None = Field(
        default=None, ge=1, le=MAX_GUIDANCE, allow_inf_nan=False, title="Guidance", description="1 is none."
    )
    steps: int | None = Field(
        default=None,
        ge=1,
        le=MAX_LEFT,
        title="Steps left",
        description="Even in time from here to the end; empty keeps the points of the arm, or of a student's recipe.",
    )
    adapters: tuple[AdapterUse, ...] | None = Field(
        default=None,
        title="Adapters",
        max_length=MAX_USES,
        description=f"That are on from here on instead of the arm's own; an empty list is none. {WRITE_HELP}.",
    )
    noise: int = Field(default=0, ge=0, le=MAX_NOISE, title="Noise", description="0 is the arm's own; others are fresh draws.")
    eta: float | None = Field(
        default=None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        title="η",
        description="Fresh noise of ddim and tcd steps; 0 is none, 1 the most.",
    )

    @field_validator("model", "prompt", mode="before")
    @classmethod
    def _given(cls, given: object) -> object:
        return None if isinstance(given, str) and not given.strip() else given

    @field_validator("prompt")
    @classmethod
    def _prompt(cls, given: str | None) -> str | None:
        return None if given is None else CompareRequest(prompt=given).prompt

    @field_validator("adapters")
    @classmethod
    def _distinct(cls, given: tuple[AdapterUse, ...] | None) -> tuple[AdapterUse, ...] | None:
        return None if given is None else tuple(distinct(given))

    @property
    def changed(self) -> str:
        """What is different, in words short enough for a label."""
        parts = [
            f"by {self.model}" if self.model else "",
            f"in {self.steps} steps" if self.steps else "",
            f"w = {self.guidance:g}" if self.guidance is not None else "",
            "" if self.adapters is None else ", ".join(use.said() for use in self.adapters) or "without adapters",
            f"η = {self.eta:g}" if self.eta is not None else "",
            f"noise {self.noise}" if self.noise else "",
            f"“{self.prompt}”" if self.prompt else "",
        ]
        return ", ".join(part for part in parts if part) or "nothing changed"


class ScrubRequest(BaseModel):
    """What to look at step by step. The same object comes from the page, the API, the command line and `spec.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    draw: CompareRequest | None = Field(default=None, title="Draw", description="A comparison to draw for this.")
    source: str | None = Field(default=None, title="Run", description="Id of a run that was drawn before.")
    branches: tuple[Branch, ...] = Field(default=(), max_length=MAX_BRANCHES, title="Branches")
    states: bool = Field(default=False, title="Noisy states", description="Also make pictures of x_t itself.")

    @field_validator("source")
    @classmethod
    def _source(cls, given: str | None) -> str | None:
        return None if given is None else check_run_id(given)

    @model_validator(mode="after")
    def _one(self) -> ScrubRequest:
        if (self.draw is None) == (self.source is None):
            raise ValueError("A scrub run draws a comparison or looks at an earlier run; give one of draw and source.")
        return self

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> ScrubRequest:
        context = info.context if isinstance(info.context, dict) else {}
        registry, paths, adapters = context.get("registry"), context.get("paths"), load_adapters(context.get("home"))
        if isinstance(registry, Registry) and (self.draw is not None or isinstance(paths, Paths)):
            plans, n_seeds = self._arms(registry, paths)
            for branch in self.branches:
                check_branch(branch, plans, registry, adapters)
            _check_size(self, plans, n_seeds)
        return self

    def _arms(self, registry: Registry, paths: Paths | None) -> tuple[dict[str, Plan], int]:
        """(plans by arm, seeds) of what is drawn, or was."""
        if self.draw is not None:
            return {plan.name: plan for plan in plans_for(self.draw, registry)}, len(self.draw.seeds)
        assert paths is not None and self.source is not None
        folder = paths.run(self.source)
        headers = [read_header(folder, arm) for arm in traced(folder)]
        if not headers:
            gone = "" if folder.is_dir() else f"There is no run {self.source}; it may have been deleted."
            raise ValueError(gone or f"The states of run {self.source} were not kept; draw it again to scrub it.")
        return {header.arm: header.plan for header in headers}, len(headers[0].seeds)


def check_branch(branch: Branch, plans: dict[str, Plan], registry: Registry, adapters: Adapters) -> None:
    """ValueError in one sentence when a branch does not fit these arms. Needs no torch."""
    plan = plans.get(branch.arm)
    if plan is None:
        hint = did_you_mean(branch.arm, plans) or f" It has {', '.join(plans)}."
        raise ValueError(f"There is no arm {brief(branch.arm, 40)} to branch from.{hint}")
    if branch.step >= plan.steps:
        raise ValueError(f"{branch.arm} has no step {branch.step}; 0 to {plan.steps - 1} would fit.")
    if branch.model is not None:
        theirs, ours = registry.get(branch.model), registry.get(plan.models[0])
        if not theirs.available:
            raise ValueError(theirs.reason)
        if not interchangeable(theirs, ours):
            fits = ", ".join(e.id for e in registry.entries.values() if interchangeable(e, ours))
            raise ValueError(f"{theirs.id} draws other pictures than {ours.id} and cannot go on from its states; {fits} can.")
    left = plan.split(branch.step)[1]
    goes_on = [branch.model] if branch.model else [model for segment in left for model in segment.models]
    for model in dict.fromkeys(goes_on):
        check_guidance(branch.guidance, registry.get(model))
    worn = [AdapterUse(id=name) for segment in left for name, _ in segment.adapters]
    check(worn if branch.adapters is None else branch.adapters, dict.fromkeys(goes_on), registry, adapters)
    if branch.noise and not _random(branch, plan, registry):
        raise ValueError(
            f"From step {branch.step} on nothing of {branch.arm} is random, so other noise would change nothing; "
            "give η above 0 as well, or a student."
        )


def _random(branch: Branch, plan: Plan, registry: Registry) -> bool:
    """Whether the steps of a branch draw noise."""
    left = plan.split(branch.step)[1]
    entry = registry.get(branch.model) if branch.model else None
    eta = {"eta": branch.eta} if branch.eta is not None else {}
    if entry is not None and entry.id != left[0].model and entry.role == "student":
        recipe = Recipe.model_validate(entry.recipe)
        left = [part.part(0, len(part.timesteps), **{"rule": recipe.rule, "eta": recipe.eta, **eta}) for part in left]
    elif entry is not None and entry.id != left[0].model and branch.steps:
        left = [part.part(0, len(part.timesteps), **{"rule": entry.sampling.rule, "eta": None, **eta}) for part in left]
    elif eta:
        left = [part.part(0, len(part.timesteps), **eta) for part in left]
    return any(part.noisy for part in left)


def _check_size(request: ScrubRequest, plans: dict[str, Plan], n_seeds: int) -> None:
    rows = len(plans) + len(request.branches)
    if rows > MAX_ARMS:
        raise ValueError(f"{rows} rows were asked for; at most {MAX_ARMS} fit in one run, so branch from an earlier one.")
    steps = sum(plan.steps for plan in plans.values())
    steps += sum(branch.steps or plans[branch.arm].steps - branch.step for branch in request.branches)
    if steps * n_seeds > MAX_FRAMES:
        many = f"{steps:,} steps of {n_seeds} seeds are {steps * n_seeds:,} pictures"
        raise ValueError(f"{many}; at most {MAX_FRAMES:,} fit, so fewer seeds or steps would.")


def label(request: ScrubRequest) -> str:
    """A title for lists of runs."""
    if request.draw is not None:
        return f"Scrub: {request.draw.prompt}"
    if request.branches:
        return f"Branch: {'; '.join(branch.changed for branch in request.branches)}"
    return f"Scrub: {request.source}"


KINDS.add(
    "scrub",
    title="Scrub",
    config=ScrubRequest,
    lane="interactive",
    visitors=True,
    label=label,
    work="studio.capabilities.scrub.work:Scrubbing",
    gives=Scrubbed,
)
