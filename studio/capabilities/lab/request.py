"""Study: a question about teacher, student and hybrids, answered with intervals. Runs in the batch lane."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from studio.capabilities.lab.result import Studied
from studio.core.explain import brief, explain
from studio.core.files import Json
from studio.core.inputs import parse_given
from studio.domains import domain_of, first
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths
from studio.library.additions import Additions, check_additions
from studio.library.draw_request import MAX_PROMPT, MAX_STEPS, CompareRequest
from studio.library.models import Registry

if TYPE_CHECKING:
    from studio.capabilities.lab.studies.base import Study

DEFAULT_PROMPTS = first().defaults.studies
MAX_PROMPTS = 16
MAX_SEEDS = 256
FIRST_SEED = 1000  # a study's own seeds, apart from those people look at
MAX_ARMS = 128
_NAME = re.compile(r"[\w][\w .,:()+=-]{0,59}")


class StudyRequest(BaseModel):
    """What to find out, and on what. The same object comes from the page, the command line and `spec.json`.

    Two requests that share plans, prompts and seeds share what was drawn; extending a study is asking for more of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str = Field(title="Study", description="k-sweep, position-sweep, …")
    name: str = Field(default="", title="Name", description="To find it again by; empty is the study and the pair.")
    pair: str = Field(default=first().defaults.pair, title="Student", description="Id of a student; its teacher comes with it.")
    prompts: tuple[str, ...] = Field(default=DEFAULT_PROMPTS, title="Prompts", description="Captions in the models' words.")
    seeds: int = Field(
        default=32,
        ge=2,
        le=MAX_SEEDS,
        title="Seeds",
        description="Samples a prompt and arm, with the same noise in every arm; 32 and more tell something.",
    )
    first_seed: int = Field(
        default=FIRST_SEED,
        ge=0,
        le=2**31 - 1 - MAX_SEEDS,
        title="First seed",
        description="Seeds are counted up from here; another hundred tells whether a figure repeats.",
    )
    control: int = Field(
        default=2,
        ge=0,
        le=8,
        title="Identity control",
        description="Seeds a prompt on which the teacher stands in for the student, where nothing may change; 0 is none.",
    )
    teacher_steps: int = Field(default=25, ge=1, le=MAX_STEPS, title="Teacher steps", description="Of the reference lines.")
    given: Json = Field(
        default_factory=dict,
        exclude_if=operator.not_,
        title="Beside the prompts",
        description="Inputs that models of some kinds of data take besides text, by name; the others are as by default.",
    )
    additions: Additions = Field(default_factory=dict, exclude_if=operator.not_)
    settings: Json = Field(default_factory=dict, title="Settings", description="Of the study; the rest is default.")

    @property
    def seed_list(self) -> list[int]:
        return list(range(self.first_seed, self.first_seed + self.seeds))

    @property
    def title(self) -> str:
        return self.name or f"{self.study} of {self.pair}"

    @field_validator("name")
    @classmethod
    def _name(cls, given: str) -> str:
        given = " ".join(given.split())
        if given and not _NAME.fullmatch(given):
            raise ValueError(f"The name {brief(given, 40)} does not fit; up to 60 letters, digits and spaces would.")
        return given

    @field_validator("given", mode="before")
    @classmethod
    def _given(cls, given: Any) -> Any:
        return parse_given(given)

    @field_validator("prompts", mode="before")
    @classmethod
    def _prompt_list(cls, given: Any) -> Any:
        if isinstance(given, str):
            given = [line for line in given[: MAX_PROMPTS * (MAX_PROMPT + 1)].splitlines() if line.strip()]
        if isinstance(given, (list, tuple)) and not 1 <= len(given) <= MAX_PROMPTS:
            raise ValueError(f"{len(given)} prompts were given; 1 to {MAX_PROMPTS} fit, one a line.")
        return given

    @field_validator("prompts")
    @classmethod
    def _prompts(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        cleaned = []
        for prompt in given:
            try:
                cleaned.append(CompareRequest(prompt=prompt).prompt)
            except ValueError as error:
                raise ValueError(explain(error)) from error
        for i, prompt in enumerate(cleaned):
            if prompt in cleaned[:i]:
                raise ValueError(f"The prompt {brief(prompt, 40)} is there twice; each counts once.")
        return tuple(cleaned)

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> StudyRequest:
        registry = info.context.get("registry") if isinstance(info.context, dict) else None
        if isinstance(registry, Registry):
            home = info.context.get("home") if isinstance(info.context, dict) else None
            study = study_of(self, registry, home)
            domain_of(study.setting.student.domain).read("", given=self.given)
            models = dict.fromkeys(model for plan in study.plans() for model in plan.models)
            check_additions(self.additions, [registry.get(model) for model in models], home)
        return self


def study_of(request: StudyRequest, registry: Registry, paths: Paths | None = None) -> Study[Any]:
    """The study with its settings, its plans checked. ValueError in one sentence. Needs no torch.

    paths: the data folder, whose adapters may then be named beside the shipped ones.
    """
    from studio.capabilities.lab.studies import STUDIES
    from studio.capabilities.lab.studies.base import Setting
    from studio.library.adapters import load_adapters

    cls = STUDIES.get(request.study)
    pair = registry.usable(request.pair)
    if cls.needs_oracle and not pair.student.has_oracle:
        raise ValueError(
            f"{pair.id} has no oracle, and studies are read by one; a student like {first().defaults.pair} would fit."
        )
    try:
        config = cls.Config.model_validate(request.settings)
    except ValueError as error:
        raise ValueError(f"Settings of {request.study}: {explain(error)}") from error
    siblings = [other.student for other in registry.pairs() if other.teacher.id == pair.teacher.id and other.id != pair.id]
    usable = tuple(entry for entry in siblings if entry.available and entry.domain == pair.student.domain)
    study = cls(config, Setting(pair, request.teacher_steps, usable, load_adapters(paths)))
    arms = study.plans()
    if not 1 <= len(arms) <= MAX_ARMS:
        raise ValueError(f"{request.study} would draw {len(arms)} arms; at most {MAX_ARMS} fit in one run.")
    return study


KINDS.add(
    "study",
    title="Study",
    config=StudyRequest,
    lane="batch",
    label=lambda request: request.title,
    resumable=True,
    work="studio.capabilities.lab.work:Laboratory",
    gives=Studied,
)
