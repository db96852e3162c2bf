"""Unlearn: make a model, teacher or student, forget a concept. A training run, in the batch lane."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from studio.capabilities.unlearn.result import Forgotten
from studio.core.explain import brief
from studio.core.files import Json
from studio.domains import domain_of
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths
from studio.library import training_fields as fields
from studio.library.concepts import Concept, Pair, concepts, listed, neighbours, pairs
from studio.library.draw_request import MAX_PROMPT
from studio.library.method_cards import Catalogue, check_layers, check_method
from studio.library.models import ModelEntry, Registry
from studio.library.training_request import BasedRequest

GROUP = "unlearn"  # of methods in the catalogue
FOR_TEACHERS, FOR_STUDENTS = "uce", "sfd"
WITH_TEACHER = ("sfd",)  # need the student's teacher as well
TAUGHT_SEED, MEASURED_SEED = 616_161, 717_171  # of prompts that are made
MAX_WORDS, MAX_PROMPTS = 200, 512
Words = Annotated[str, Field(max_length=MAX_WORDS)]
Prompts = Annotated[tuple[str, ...], Field(max_length=MAX_PROMPTS)]


class UnlearnRequest(BasedRequest):
    """What to forget, what it becomes, what must stay, on which model, and how. The same object comes from the page, the command
    line, the API and `spec.json`."""

    HOME, LIKE, STRIPS, MEASURES = "adapters", "no-cat", 6, 10
    TRAINER = {"warmup": 10, "decay_from": 0.5, "checkpoint_every": 50}
    MADE = "n_prompts"

    name: Annotated[str, fields.name_of("adapter that makes it forget")]
    title: fields.Title = ""
    base: str = Field(default=fields.TEACHER, title="Model", description="Id of the teacher or student that is to forget.")
    forget: Words = Field(default="", title="Forget", description="What must go, in words; several with commas between.")
    becomes: Words = Field(
        default="",
        title="Becomes",
        description="What its prompts show instead, one for all or one for each; empty is another thing of its kind.",
    )
    keep: Words = Field(
        default="", title="Keep", description="What must stay besides everything else, in words, with commas between."
    )
    prompts: Prompts = Field(
        default=(),
        title="Prompts",
        description="Pairs of prompts, with the concept => with what it becomes; empty is prompts made from the words.",
    )
    method: str = Field(
        default="",
        max_length=40,
        title="Method",
        description=f"Empty is the recommended one: {FOR_STUDENTS} on a student, {FOR_TEACHERS} on a teacher.",
    )
    settings: Json = Field(
        default_factory=dict, title="Settings", description="Of the method: layers, rank, lr, retain, …; the rest is default."
    )
    steps: Annotated[int, fields.steps_of("Updates at most; a closed form takes one.")] = 400
    seed: fields.Seed = 0
    trainer: Json = Field(default_factory=dict, title="Trainer", description=fields.trainer_settings(TRAINER))
    n_prompts: int = Field(
        default=128, ge=4, le=5000, title="Prompts made", description="With the concept, and as many of what must stay."
    )
    sample_every: Annotated[fields.Every, fields.strips_of("strips of the concept's prompts and of others", "six")] = None
    measure_every: Annotated[fields.Every, fields.measurements(" on the base; empty is ten in a run; 0 is never")] = None
    stop_at: Annotated[
        fields.Goal,
        fields.goal_of(
            "the share of the concept's pictures that no longer show it",
            ", in plain words and in other words alike; empty is never",
        ),
    ] = 0.9
    measure_seeds: int = Field(
        default=64,
        ge=8,
        le=1024,
        title="Pictures measured",
        description="Of each kind of prompt: the concept in plain words, in other words, and what must stay.",
    )
    sinks: fields.Sinks = ()

    @field_validator("prompts")
    @classmethod
    def _pairs(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        lines = tuple(dict.fromkeys(line for line in (" ".join(one.split()) for one in given) if line))
        for line in lines:
            forget, arrow, becomes = (part.strip() for part in line.partition("=>"))
            if not arrow or not forget:
                raise ValueError(f"The line {brief(line)} is no pair of prompts; a cat by day => a house by day would fit.")
            if forget == becomes:
                raise ValueError(f"The line {brief(line)} has the same prompt twice; two that differ in the concept would fit.")
            if max(len(forget), len(becomes)) > MAX_PROMPT:
                raise ValueError(f"The line {brief(line)} is longer than {MAX_PROMPT} characters; a shorter one would fit.")
        return lines

    @property
    def goal(self) -> float | None:
        """A run that takes one update, or is measured once, has nothing to stop at."""
        return self.stop_at if 0 < self.measures_at < self.steps else None

    def chosen(self, entry: ModelEntry) -> str:
        """The method, the recommended one where none is named."""
        return self.method or (FOR_TEACHERS if entry.role == "teacher" else FOR_STUDENTS)

    def method_on(self, entry: ModelEntry) -> str:
        return self.chosen(entry)

    def concepts(self, entry: ModelEntry) -> list[Concept]:
        return concepts(domain_of(entry.domain), self.forget, self.becomes, self.keep)

    def pairs(self, entry: ModelEntry) -> list[Pair]:
        """Prompts that it is taught by: those that were given, or made ones."""
        wanted = self.concepts(entry)
        if self.prompts:
            return [_pair(line, wanted) for line in self.prompts]
        return pairs(domain_of(entry.domain), wanted, self.n_prompts, TAUGHT_SEED)

    def staying(self, entry: ModelEntry) -> list[str]:
        """Prompts of what must stay."""
        return neighbours(domain_of(entry.domain), self.concepts(entry), self.n_prompts, TAUGHT_SEED, listed(self.keep))

    def check_models(self, registry: Registry) -> None:
        super().check_models(registry)
        self.concepts(registry.get(self.base))

    def check_submitted(self, paths: Paths, registry: Registry | None, catalogue: Catalogue) -> None:
        if registry is None:
            return
        entry = registry.get(self.base)
        method = self.chosen(entry)
        check_method(catalogue, GROUP, method, self.settings)
        check_layers(catalogue, GROUP, method, self.settings, entry)
        roles = catalogue[GROUP]["methods"][method]["models"]
        if entry.role not in roles:
            whom, other = ("teachers", FOR_STUDENTS) if "teacher" in roles else ("distilled students", FOR_TEACHERS)
            raise ValueError(f"The method {method} is for {whom}, and {entry.id} is a {entry.role}; {other} would fit.")
        teacher = registry.entries.get(entry.teacher or "")
        if method in WITH_TEACHER and (teacher is None or not teacher.available):
            why = teacher.reason if teacher is not None else f"{entry.teacher} is not listed."
            raise ValueError(f"{method} needs the teacher of {entry.id}, and it cannot be opened; uce would fit. {why}")

    def check_base(self, entry: ModelEntry) -> None:
        if "embedded_guidance" in entry.card:
            raise ValueError(f"{entry.id} takes the guidance scale as an input; one that does not would fit.")
        if entry.role != "teacher" and entry.recipe is None:
            raise ValueError(f"{entry.id} is a student without a recipe, so nobody knows its own timesteps.")


def _pair(line: str, wanted: list[Concept]) -> Pair:
    """Of the concept whose words it has; of the first one where it has none of them."""
    forget, _, becomes = (part.strip() for part in line.partition("=>"))
    which = next((i for i, one in enumerate(wanted) if one.words in forget), 0)
    return Pair(forget, becomes, which)


def label(request: UnlearnRequest) -> str:
    """A title for lists of runs."""
    how = f" by {request.method}" if request.method else ""
    return f"{request.name}: {request.base} forgets {brief(request.forget, 40)}{how}"


KINDS.add_training("unlearn", "Forgetting", UnlearnRequest, label, "studio.capabilities.unlearn.work:Unlearning", Forgotten)
