"""Evaluate: candidates against a prompt set, question by question. In the batch lane; a finished candidate is kept."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from studio.capabilities.evaluate import prompt_set
from studio.capabilities.evaluate.known_judges import known_judges
from studio.capabilities.evaluate.result import Evaluated
from studio.core.explain import brief, did_you_mean
from studio.domains import domain_of
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths
from studio.library.adapters import load_adapters
from studio.library.candidates import MAX_CANDIDATES, WRITE_HELP, Candidate, check_candidates
from studio.library.draw_request import DEFAULT_PAIR, MAX_STEPS
from studio.library.models import Registry
from studio.library.seeds import SEEDS_HELP, check_seeds, parse_seeds


class EvaluateRequest(BaseModel):
    """Who is evaluated, on what, by whom. The same object comes from the page, the command line, the API and `spec.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidates: tuple[Candidate, ...] = Field(
        default=(Candidate(model=DEFAULT_PAIR),),
        min_length=1,
        max_length=MAX_CANDIDATES,
        title="Candidates",
        description=f"Models, plans, adapters and edits, {WRITE_HELP}; the others are compared with the first.",
    )
    prompts: tuple[str, ...] = Field(
        default=(), title="Prompts", description="One a line; empty is prompts of the domain's own, which nothing was taught by."
    )
    n_prompts: int = Field(
        default=16,
        ge=1,
        le=prompt_set.MAX_PROMPTS,
        title="Prompts made",
        description="How many of the domain's own, where none are written.",
    )
    seeds: tuple[int, ...] = Field(
        default=tuple(range(8)), title="Seeds", description=f"Every candidate draws each prompt with each of them; {SEEDS_HELP}."
    )
    judges: tuple[str, ...] = Field(
        default=(),
        max_length=8,
        title="Judges",
        description=f"{', '.join(known_judges())}; the first one's answers count, the others stand beside it. "
        "Empty is the best that can be opened here.",
    )
    judge_model: str = Field(
        default="",
        max_length=400,
        title="Judge's model",
        description="Folder or id for a judge that needs one; empty is its own.",
    )
    planted: int = Field(
        default=48,
        ge=0,
        le=512,
        title="Planted errors",
        description="Things of the world with errors planted one by one, to see how far a judge can be trusted; 0 is none.",
    )
    teacher_steps: int | None = Field(
        default=None, ge=1, le=MAX_STEPS, title="Teacher steps", description="Of teachers and hybrids; empty is their own."
    )

    @field_validator("candidates", mode="before")
    @classmethod
    def _candidates(cls, given: object) -> object:
        listed = re.split(r"[,;\n]+", given[:4000]) if isinstance(given, str) else given
        if isinstance(listed, list | tuple):
            listed = [one for one in listed if not isinstance(one, str) or one.strip()]
            if not 1 <= len(listed) <= MAX_CANDIDATES:
                many = "No candidates were" if not listed else f"{len(listed):,} candidates were"
                raise ValueError(f"{many} named; 1 to {MAX_CANDIDATES} fit, {WRITE_HELP}.")
        return listed

    @field_validator("candidates")
    @classmethod
    def _distinct(cls, given: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        names = [str(one) for one in given]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"The candidate {twice} is there twice; each is drawn once.")
        return given

    @field_validator("prompts", mode="before")
    @classmethod
    def _prompts(cls, given: object) -> object:
        return prompt_set.lines(given) if isinstance(given, str | list | tuple) else given

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds(cls, given: object) -> object:
        if isinstance(given, int) and not isinstance(given, bool):
            given = str(given)
        return tuple(parse_seeds(given)) if isinstance(given, str) else given

    @field_validator("seeds")
    @classmethod
    def _fitting_seeds(cls, given: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(check_seeds(given))

    @field_validator("judges", mode="before")
    @classmethod
    def _judges(cls, given: object) -> object:
        names = re.split(r"[,;\s]+", given[:400].strip()) if isinstance(given, str) else given
        return tuple(dict.fromkeys(filter(None, names))) if isinstance(names, list | tuple) else names

    @field_validator("judges")
    @classmethod
    def _known(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        known = known_judges()
        for name in given:
            if name not in known:
                hint = did_you_mean(name, known) or f" There are {', '.join(known)}."
                raise ValueError(f"There is no judge {brief(name)}.{hint}")
        return given

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> EvaluateRequest:
        context = info.context if isinstance(info.context, dict) else {}
        registry, paths = context.get("registry"), context.get("home")
        if isinstance(registry, Registry) and isinstance(paths, Paths):
            entries = check_candidates(self.candidates, registry, load_adapters(paths), self.teacher_steps)
            self.asked(registry)
            if self.judges and self.judges[0] == "oracle" and not entries[0].oracle_here:
                raise ValueError(f"There is no oracle for what {entries[0].id} draws; clip or vision-language would fit.")
        return self

    def asked(self, registry: Registry) -> tuple[str, ...]:
        """The prompts. ValueError in one sentence where there are none."""
        return self.prompts or prompt_set.own(domain_of(registry.get(self.candidates[0].model).domain), self.n_prompts)


def label(request: EvaluateRequest) -> str:
    """A title for lists of runs."""
    return " against ".join(str(one) for one in request.candidates[:2]) + (" …" if len(request.candidates) > 2 else "")


KINDS.add(
    "evaluate",
    title="Evaluation",
    config=EvaluateRequest,
    lane="batch",
    label=label,
    resumable=True,
    work="studio.capabilities.evaluate.work:Evaluation",
    gives=Evaluated,
)
