"""New word: teach a model's text encoder a word for what some pictures show. A training run, in the batch lane."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, ValidationInfo, model_validator

from studio.core.explain import brief, did_you_mean
from studio.core.files import Json
from studio.domains import domain_of, first
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths
from studio.library.adapters import check_name
from studio.library.models import Registry
from studio.library.picture_folders import pictures_in
from studio.library.training_request import MAX_STEPS, Every, Seed, Sinks, TrainingRequest

TRAINER = {"warmup": 20, "decay_from": 0.5, "checkpoint_every": 50}  # unless others are given
METHOD = ("batch", "lr", "ema")  # fields that are settings of the method
WORD = re.compile(r"<[a-z0-9][a-z0-9._-]{0,39}>")


class WordRequest(TrainingRequest):
    """What the word is to mean, on which model it is learned, and how."""

    LIKE, STRIPS, MEASURES = "my-house", 4, 1

    name: str = Field(title="Name", description="Of the new adapter that brings the word; it is listed as mine/<name>.")
    title: str = Field(default="", max_length=80, title="Title", description="How lists call it; empty is its name.")
    word: str = Field(default="", title="Word", description="As prompts spell it, like <mine>; empty is its name in <>.")
    base: str = Field(
        default=first().defaults.teacher, title="Model", description="Id of the teacher whose pictures it is learned on."
    )
    shows: dict[str, str] = Field(
        default_factory=dict,
        title="Shows",
        description="Of which things of the world are made and the word is to bring, like subject: house and color: blue.",
    )
    pictures: str = Field(
        default="",
        max_length=400,
        title="Pictures",
        description="A folder of pictures of one thing in place of scenes; one in the uploads, or below $STUDIO_PICTURES.",
    )
    init: str = Field(
        default="",
        max_length=40,
        title="Starting word",
        description="A known word to begin as, like house; empty is all of them.",
    )
    rows: int = Field(default=1, ge=1, le=8, title="Rows", description="Of the word, each the place of one token in a prompt.")
    batch: int = Field(default=16, ge=1, le=1024, title="Batch", description="Samples an update.")
    lr: float = Field(
        default=0.05, gt=0, le=10, allow_inf_nan=False, title="Learning rate", description="In units of the table's mean entry."
    )
    ema: float = Field(default=0.95, ge=0, lt=1, allow_inf_nan=False, title="EMA", description="Average of the rows.")
    steps: int = Field(default=300, ge=1, le=MAX_STEPS, title="Steps", description="Updates.")
    seed: Seed = 0
    trainer: dict[str, Any] = Field(
        default_factory=dict,
        title="Trainer",
        description="warmup (20 here), decay_from (0.5 here), decay_to, precision, checkpointing, checkpoint_every, …",
    )
    n_scenes: int = Field(default=256, ge=1, le=20_000, title="Scenes", description="Rendered, where no pictures are given.")
    sample_every: Every = Field(
        default=None,
        title="Sample every",
        description="Steps between strips without the word and with it; empty is four in a run, 0 is none.",
    )
    measure_every: Every = Field(
        default=None,
        title="Measure every",
        description="Steps between measurements on the base; empty is once, at the end; 0 is never.",
    )
    measure_seeds: int = Field(default=16, ge=1, le=512, title="Seeds measured", description="Pictures for each prompt.")
    sinks: Sinks = ()

    @property
    def settings(self) -> Json:
        """Of the method."""
        return {name: getattr(self, name) for name in METHOD}

    @property
    def spelled(self) -> str:
        """As prompts hold the word."""
        return self.word or f"<{self.name}>"

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> WordRequest:
        if not WORD.fullmatch(self.spelled):
            raise ValueError(
                f"The word {brief(self.word, 50)} does not fit; up to 40 lower-case letters, digits, ., _ and - "
                "in angle brackets would, like <mine>."
            )
        if not self.shows and not self.pictures:
            raise ValueError(
                "A word needs something to mean; what scenes show, like subject: house and color: blue, or a folder of pictures "
                "would fit."
            )
        context = info.context if isinstance(info.context, dict) else {}
        if isinstance(registry := context.get("registry"), Registry):
            self._check_base(registry)
        if isinstance(paths := context.get("paths"), Paths):  # it is being submitted
            from studio.library import method_cards

            check_name(paths, self.name)
            if self.pictures:
                pictures_in(paths, self.pictures)
            catalogue = method_cards.objectives(paths)
            assert catalogue is not None
            method_cards.check_trainer(catalogue, self.trainer)
        return self

    def _check_base(self, registry: Registry) -> None:
        entry = registry.get(self.base)
        if not entry.available:
            raise ValueError(entry.reason)
        if entry.role != "teacher":
            raise ValueError(f"{entry.id} is a student; a word of its teacher {entry.teacher} works on it, so train that.")
        domain = domain_of(entry.domain)
        if self.shows and not domain.has_world:
            raise ValueError(
                f"{entry.id} is of the domain {entry.domain}, whose scenes nobody draws; a folder of pictures would "
                "fit, and nothing under shows."
            )
        domain.check(self.shows)
        if self.init and domain.vocabulary and self.init not in domain.vocabulary:
            hint = (
                did_you_mean(self.init, domain.vocabulary) or f" A word of its captions, like {domain.defaults.noun}, would fit."
            )
            raise ValueError(f"{brief(self.init, 40)} is not a word that {entry.id} knows.{hint}")


def label(request: WordRequest) -> str:
    """A title for lists of runs."""
    return f"{request.name}: the word {request.spelled} on {request.base}, {request.steps:,} steps"


KINDS.add(
    "word",
    title="New word",
    config=WordRequest,
    lane="batch",
    label=label,
    resumable=True,
    work="studio.capabilities.words.work:Wording",
)
