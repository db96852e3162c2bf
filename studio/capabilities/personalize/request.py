"""Personalize: teach a model, teacher or student, a person's own subject. A training run, in the batch lane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from studio.capabilities.personalize.result import Personalized
from studio.core.explain import brief, count
from studio.core.files import Json
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths
from studio.library import training_fields as fields
from studio.library.draw_request import MAX_PROMPT
from studio.library.method_cards import Catalogue, check_layers, check_method
from studio.library.models import ModelEntry, Registry
from studio.library.subjects import Subject, fits, subject
from studio.library.training_request import BasedRequest

GROUP = "personalize"  # of methods in the catalogue
FOR_TEACHERS, FOR_STUDENTS = "dreambooth-replay", "own-timesteps"
ONE_PICTURE = "sine"  # the method that learns a single picture, which is edited afterwards
MOST_EDITS = 6
WITH_TEACHER = ("echo-distill", "de-distill")  # need the student's teacher as well


class PersonalizeRequest(BasedRequest):
    """Which subject, on which model, and how. The same object comes from the page, the command line, the API and `spec.json`."""

    HOME, LIKE, STRIPS, MEASURES = "adapters", "my-cat", 8, 4
    TRAINER = {"warmup": 10, "decay_from": 0.5, "checkpoint_every": 50}
    MADE, STAGES = "n_kept", {"undo_steps": 8, "patches": 64}

    name: Annotated[str, fields.name_of("adapter that brings the subject")]
    title: fields.Title = ""
    subject: str = Field(
        title="Subject", description="Id of the pictures it is to learn, like pocket/striped-balloon or mine/cat."
    )
    base: str = Field(default=fields.TEACHER, title="Model", description="Id of the teacher or student it is trained on.")
    method: str = Field(
        default="",
        max_length=40,
        title="Method",
        description="Empty is the recommended one: own-timesteps on a student, dreambooth-replay on a teacher.",
    )
    settings: Json = Field(
        default_factory=dict, title="Settings", description="Of the method: rank, alpha, layers, lr, …; the rest is default."
    )
    rows: int = Field(default=1, ge=1, le=8, title="Rows", description="Of the word, each the place of one token in a prompt.")
    steps: Annotated[int, fields.steps_of("Updates of the adapter.")] = 1200
    seed: fields.Seed = 0
    trainer: Json = Field(default_factory=dict, title="Trainer", description=fields.trainer_settings(TRAINER))
    n_kept: int = Field(
        default=512,
        ge=12,
        le=10_000,
        title="Kept prompts",
        description="Prompts without the subject whose pictures the untouched model draws once; half are of the subject's class.",
    )
    sample_every: Annotated[fields.Every, fields.strips_of("strips of the subject, its class and another prompt", "eight")] = None
    measure_every: Annotated[fields.Every, fields.measurements(" on the base; empty is four in a run; 0 is never")] = None
    stop_at: Annotated[
        fields.Goal,
        fields.goal_of("the share of pictures that show the subject", " and other prompts are not surely worse than before"),
    ] = None
    measure_seeds: int = Field(default=64, ge=4, le=1024, title="Pictures measured", description="Of each kind of prompt.")
    sinks: fields.Sinks = ()

    def chosen(self, entry: ModelEntry) -> str:
        """The method, the recommended one where none is named."""
        return self.method or (FOR_TEACHERS if entry.role == "teacher" else FOR_STUDENTS)

    def method_on(self, entry: ModelEntry) -> str:
        return self.chosen(entry)

    def check_submitted(self, paths: Paths, registry: Registry | None, catalogue: Catalogue) -> None:
        about = subject(paths, self.subject)
        if registry is not None:
            entry = registry.get(self.base)
            if not fits(about, entry):
                raise ValueError(
                    f"The subject {about.id} is of the domain {about.domain}, and {entry.id} draws {entry.domain}; "
                    "a subject of that domain would fit."
                )
            check_method(catalogue, GROUP, self.chosen(entry), self.settings)
            check_layers(catalogue, GROUP, self.chosen(entry), self.settings, entry)
            check_picture(self.chosen(entry), self.settings, about)
            if self.chosen(entry) == ONE_PICTURE and self.stop_at is not None:
                raise ValueError(f"{ONE_PICTURE} measures edits and no share recognised; without stop_at it would fit.")
            self._check_role(entry, catalogue[GROUP]["methods"][self.chosen(entry)]["models"])
            self._check_teacher(entry, registry)
        if not about.consent:
            raise ValueError(f"Nobody said that the pictures of {about.id} may be used; say so where it is kept.")

    def check_base(self, entry: ModelEntry) -> None:
        if "embedded_guidance" in entry.card:
            raise ValueError(f"{entry.id} takes the guidance scale as an input; a subject of {entry.teacher} would fit it.")
        if entry.role != "teacher" and entry.recipe is None:
            raise ValueError(f"{entry.id} is a student without a recipe, so nobody knows its own timesteps.")

    def _check_role(self, entry: ModelEntry, roles: Sequence[str]) -> None:
        """roles: of models that the method is for."""
        if entry.role in roles:
            return
        if self.method == "dreambooth":
            raise ValueError(
                f"{brief(self.method)} on the student {entry.id} is the negative control; it is called random-timesteps there, "
                f"and {FOR_STUDENTS} would fit."
            )
        whom = "teachers" if "teacher" in roles else "distilled students"
        other = FOR_TEACHERS if entry.role == "teacher" else FOR_STUDENTS
        raise ValueError(f"{self.method} is for {whom}, and {entry.id} is a {entry.role}; {other} would fit.")

    def _check_teacher(self, entry: ModelEntry, registry: Registry) -> None:
        teacher = registry.entries.get(entry.teacher or "")
        if self.method in WITH_TEACHER and (teacher is None or not teacher.available):
            why = teacher.reason if teacher is not None else f"{entry.teacher} is not listed."
            raise ValueError(
                f"{self.method} needs the teacher of {entry.id}, and it cannot be opened; {FOR_STUDENTS} would fit. {why}"
            )


def prompts_of(edits: str) -> list[str]:
    """As the method's settings have them, with ; between."""
    return [text for text in (" ".join(part.split()) for part in edits.split(";")) if text]


def check_picture(method: str, settings: Json, about: Subject) -> None:
    """ValueError where a method that learns one picture is asked for one that is not there, or for too many edits."""
    if method != ONE_PICTURE:
        return
    which, there = int(settings.get("picture", 1)), len(about.pictures)
    if which > there:
        raise ValueError(f"{about.id} has {there} pictures, and number {which} was asked for; 1 to {there} would fit.")
    prompts = prompts_of(str(settings.get("edits", "")))
    if len(prompts) > MOST_EDITS or any(len(text) > MAX_PROMPT for text in prompts):
        raise ValueError(f"{len(prompts)} edits were given; up to {MOST_EDITS} of at most {MAX_PROMPT} characters fit.")


def label(request: PersonalizeRequest) -> str:
    """A title for lists of runs."""
    how = f" by {request.method}" if request.method else ""
    return f"{request.name}: {request.subject} on {request.base}{how}, {count(request.steps, 'step')}"


EXECUTES = "studio.capabilities.personalize.executing:executing"
KINDS.add_training("personalize", "Subject", PersonalizeRequest, label, EXECUTES, Personalized)
