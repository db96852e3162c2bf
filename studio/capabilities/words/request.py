"""New word: teach a model's text encoder a word for what some pictures show. A training run, in the batch lane."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from studio.core.explain import brief, did_you_mean
from studio.core.files import Json
from studio.domains import domain_of
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths
from studio.library import training_fields as fields
from studio.library.method_cards import Catalogue
from studio.library.models import ModelEntry, Registry
from studio.library.new_words import check_word
from studio.library.picture_folders import pictures_in
from studio.library.training_request import BasedRequest

METHOD = ("batch", "lr", "ema")  # fields that are settings of the method


class WordRequest(BasedRequest):
    """What the word is to mean, on which model it is learned, and how."""

    HOME, LIKE, STRIPS, MEASURES = "adapters", "my-house", 4, 1
    TRAINER = {"warmup": 20, "decay_from": 0.5, "checkpoint_every": 50}
    MADE = "n_scenes"

    name: Annotated[str, fields.name_of("adapter that brings the word")]
    title: fields.Title = ""
    word: str = Field(default="", title="Word", description="As prompts spell it, like <mine>; empty is its name in <>.")
    base: str = Field(default=fields.TEACHER, title="Model", description="Id of the teacher whose pictures it is learned on.")
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
    batch: fields.Batch = 16
    lr: float = Field(
        default=0.05, gt=0, le=10, allow_inf_nan=False, title="Learning rate", description="In units of the table's mean entry."
    )
    ema: float = Field(default=0.95, ge=0, lt=1, allow_inf_nan=False, title="EMA", description="Average of the rows.")
    steps: Annotated[int, fields.steps_of("Updates.")] = 300
    seed: fields.Seed = 0
    trainer: Json = Field(
        default_factory=dict, title="Trainer", description=fields.trainer_settings(TRAINER, besides="checkpointing, ")
    )
    n_scenes: int = Field(default=256, ge=1, le=20_000, title="Scenes", description="Rendered, where no pictures are given.")
    sample_every: Annotated[fields.Every, fields.strips_of("strips without the word and with it", "four")] = None
    measure_every: Annotated[fields.Every, fields.measurements(" on the base; empty is once, at the end; 0 is never")] = None
    stop_at: Annotated[fields.Goal, fields.goal_of("the share of pictures that show what the word was taught")] = None
    measure_seeds: int = Field(default=16, ge=1, le=512, title="Seeds measured", description="Pictures for each prompt.")
    sinks: fields.Sinks = ()

    @property
    def settings(self) -> Json:
        """Of the method."""
        return {name: getattr(self, name) for name in METHOD}

    @property
    def spelled(self) -> str:
        """As prompts hold the word."""
        return self.word or f"<{self.name}>"

    def check_fields(self) -> None:
        check_word(self.spelled)
        if not self.shows and not self.pictures:
            raise ValueError(
                "A word needs something to mean; what scenes show, like subject: house and color: blue, or a folder of pictures "
                "would fit."
            )

    def check_submitted(self, paths: Paths, registry: Registry | None, catalogue: Catalogue) -> None:
        if self.pictures:
            pictures_in(paths, self.pictures)

    def check_base(self, entry: ModelEntry) -> None:
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


KINDS.add_training("word", "New word", WordRequest, label, "studio.capabilities.words.work:Wording")
