"""Preference tuning: a training run, in the batch lane; and drawing pairs to vote on, while somebody waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from studio.capabilities.preference.result import Paired, Preferred
from studio.core.explain import brief, count
from studio.core.files import Json
from studio.core.recipe import Recipe
from studio.domains import domain_of
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths
from studio.library import rewards, votes
from studio.library import training_fields as fields
from studio.library.draw_request import MAX_PROMPT
from studio.library.method_cards import Catalogue, check_layers, check_method
from studio.library.models import ModelEntry, Registry
from studio.library.training_request import BasedRequest
from studio.library.votes import VoteSet
from studio.sampling import plan as plans
from studio.sampling.plan import Plan
from studio.sampling.rules import rule_named

GROUP = "preference"  # of methods in the catalogue
OFFLINE, ONLINE, POLICY = "dpo", "pso-online", "ddpo"
TEACHER_STEPS = 10  # of a teacher while it is taught, and of the pairs it draws
MOST_PROMPTS, MOST_PAIRS = 1000, 64

Prompts = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=MAX_PROMPT)], ...], Field(max_length=MOST_PROMPTS)]


def drawn_by(entry: ModelEntry, eta: float | None = None) -> Plan:
    """How a model's pairs are drawn. eta: of a teacher's steps where they are to be stochastic."""
    if entry.role == "teacher":
        grid = entry.timesteps(min(TEACHER_STEPS, entry.sampling.steps))
        rule = entry.sampling.rule if eta is None else "ddim"
        return plans.teacher_plan(entry.id, grid, rule, entry.guidance, eta=eta)
    return plans.student_plan(entry.id, Recipe.model_validate(entry.recipe))


def stochastic(plan: Plan) -> bool:
    """Whether a step before the last draws noise of its own."""
    return plan.steps > 1 and all(rule_named(s.rule).effective_eta(s.eta) > 0 for s in plan.segments)


def check_drawable(entry: ModelEntry) -> None:
    """ValueError in one sentence where a model has no sampling of its own."""
    if not entry.available:
        raise ValueError(entry.reason)
    if "embedded_guidance" in entry.card:
        raise ValueError(f"{entry.id} takes the guidance scale as an input; a tuned {entry.teacher} would fit it.")
    if entry.role != "teacher" and entry.recipe is None:
        raise ValueError(f"{entry.id} is a student without a recipe, so nobody knows its own timesteps.")


class PreferRequest(BasedRequest):
    """What is preferred, on which model, and how: one object for the page, the command line, the API and `spec.json`."""

    HOME, LIKE, STRIPS, MEASURES = "adapters", "my-taste", 8, 4
    TRAINER = {"warmup": 10, "decay_from": 0.5, "checkpoint_every": 50}
    MADE, PRICED = "n_pairs", ("best_of", "reward", "votes")

    name: Annotated[str, fields.name_of("adapter")]
    title: fields.Title = ""
    base: str = Field(default=fields.TEACHER, title="Model", description="Id of the teacher or student it is trained on.")
    reward: str = Field(
        default="",
        max_length=80,
        title="Reward",
        description="What is read from samples: brightness, red, …, time=night, more:size, prompt, or one of $STUDIO_REWARDS.",
    )
    votes: str = Field(default="", max_length=40, title="Votes", description="Name of a set of votes, in place of a reward.")
    second: str = Field(
        default="",
        max_length=80,
        title="Second reward",
        description="Measured beside it and never taught by; empty is one that looks at much the same, none is none.",
    )
    method: str = Field(
        default="",
        max_length=40,
        title="Method",
        description="Empty is the recommended one, dpo.",
    )
    settings: Json = Field(
        default_factory=dict, title="Settings", description="Of the method: rank, beta, loser, lr, …; the rest is default."
    )
    prompts: Prompts = Field(
        default=(),
        title="Prompts",
        description="That are taught, with a reward; empty is captions of the world, or what a domain shows.",
    )
    n_pairs: int = Field(
        default=256,
        ge=2,
        le=20_000,
        title="Pairs",
        description="Drawn once by the untouched model, where a method learns from such.",
    )
    best_of: int = Field(
        default=4, ge=2, le=64, title="Best of", description="Samples of a prompt, of which the best and the worst are a pair."
    )
    steps: Annotated[int, fields.steps_of("Updates of the adapter.")] = 200
    seed: fields.Seed = 0
    trainer: Json = Field(default_factory=dict, title="Trainer", description=fields.trainer_settings(TRAINER))
    sample_every: Annotated[fields.Every, fields.strips_of("strips of three prompts", "eight")] = None
    measure_every: Annotated[fields.Every, fields.measurements(" on the base; empty is four in a run; 0 is never")] = None
    measure_seeds: int = Field(default=128, ge=4, le=4096, title="Pictures measured", description="Of prompts nobody taught.")
    sinks: fields.Sinks = ()

    @property
    def chosen(self) -> str:
        """The method, the recommended one where none is named."""
        return self.method or OFFLINE

    def check_fields(self) -> None:
        if self.reward and self.votes:
            raise ValueError("A reward and votes were both given; one of them decides.")
        if not self.reward and not self.votes:
            raise ValueError("Nothing says what is preferred; a reward like brightness, or a set of votes, would fit.")
        if self.votes and self.method not in ("", OFFLINE):
            raise ValueError(
                f"{brief(self.method)} asks its reward about new samples, and votes cannot answer; {OFFLINE} would fit."
            )
        if self.votes and self.prompts:
            raise ValueError("Votes bring their own prompts; leave prompts out.")

    def check_base(self, entry: ModelEntry) -> None:
        check_drawable(entry)

    def check_submitted(self, paths: Paths, registry: Registry | None, catalogue: Catalogue) -> None:
        found = votes.votes(paths, self.votes) if self.votes else None
        if found is not None and not found.decided:
            raise ValueError(f"The votes {self.votes} hold no pair with a winner; vote on some first.")
        if registry is None:
            return
        entry = registry.get(self.base)
        check_method(catalogue, GROUP, self.chosen, self.settings)
        check_layers(catalogue, GROUP, self.chosen, self.settings, entry)
        self._check_role(entry, catalogue[GROUP]["methods"][self.chosen]["models"])
        if found is not None:
            self._check_votes(found, registry, entry)
        for name in filter(None, (self.reward, "" if self.second == "none" else self.second)):
            rewards.check(name, entry)
        if self.second and self.second == self.reward:
            raise ValueError("The second reward is the one that is taught; another one would show whether it is exploited.")
        if self.chosen == POLICY and not stochastic(drawn_by(entry, 1.0)):
            raise ValueError(
                f"{entry.id} draws no noise between its steps, so ddpo has no likelihood to follow; {OFFLINE} would fit."
            )

    def _check_role(self, entry: ModelEntry, roles: Sequence[str]) -> None:
        """roles: of models that the method is for."""
        if entry.role not in roles:
            whom = "teachers" if "teacher" in roles else "distilled students"
            raise ValueError(f"{self.chosen} is for {whom}, and {entry.id} is a {entry.role}; {OFFLINE} would fit.")

    def _check_votes(self, found: VoteSet, registry: Registry, entry: ModelEntry) -> None:
        voted = registry.get(found.model)
        if not voted.available:
            raise ValueError(f"The votes {self.votes} are on pictures of {voted.id}: {voted.reason}")
        if domain_of(found.domain).name != domain_of(entry.domain).name:
            raise ValueError(f"The votes {self.votes} are of the domain {found.domain}, and {entry.id} draws {entry.domain}.")


class PairsRequest(BaseModel):
    """Pairs of samples of one prompt and two seeds, to be voted on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(title="Model", description="Id of what draws.")
    n: int = Field(default=8, ge=1, le=MOST_PAIRS, title="Pairs", description="How many.")
    prompts: Prompts = Field(
        default=(), title="Prompts", description="In turn; empty is captions of the world, or what a domain shows."
    )
    seed: int = Field(default=0, ge=0, le=2**31, title="First seed", description="The first pair has this one and the next.")

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> PairsRequest:
        registry = (info.context or {}).get("registry") if isinstance(info.context, dict) else None
        if isinstance(registry, Registry):
            check_drawable(registry.get(self.model))
        return self


def label(request: PreferRequest) -> str:
    """A title for lists of runs."""
    what = f"votes {request.votes}" if request.votes else request.reward
    return f"{request.name}: {what} on {request.base} by {request.chosen}, {count(request.steps, 'step')}"


KINDS.add_training("prefer", "Preference", PreferRequest, label, "studio.capabilities.preference.work:Preferring", Preferred)
KINDS.add(
    "pairs",
    title="Pairs to vote on",
    config=PairsRequest,
    lane="interactive",
    label=lambda request: f"{request.n} pairs of {request.model}",
    work="studio.capabilities.preference.pairs:DrawingPairs",
    gives=Paired,
)
