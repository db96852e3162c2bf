"""Slider: teach an adapter to move one attribute of a model up and down. A training run, in the batch lane."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from studio.capabilities.sliders.result import Slid
from studio.core.domain import Domain
from studio.core.explain import brief, count, did_you_mean
from studio.core.files import Json
from studio.domains import domain_of, first
from studio.families import describe
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths
from studio.library import training_fields as fields
from studio.library.method_cards import Catalogue, check_layers, check_method
from studio.library.models import ModelEntry, Registry
from studio.library.picture_pairs import pairs_in
from studio.library.training_request import BasedRequest

MAX_PROMPTS, MAX_PROMPT, MAX_WORDS = 64, 200, 60
PLAIN_LINES = 10  # prompts that are taught behind where none are given
MAX_LINES = 512  # prompts with every word to preserve before them, where all of them are read at once
Words = Annotated[str, Field(max_length=MAX_WORDS)]
Slope = Annotated[float | None, Field(gt=0, allow_inf_nan=False)]
Prompts = Annotated[tuple[str, ...], Field(max_length=MAX_PROMPTS)]


class SliderRequest(BasedRequest):
    """What to move, on which model, and how. The same object comes from the page, the command line, the API and `spec.json`.

    Settings of the method and of the trainer are checked against their schemas where a job is submitted (the validation
    context then holds `paths`), and by their own classes when the run begins.
    """

    HOME, LIKE, STRIPS, MEASURES = "adapters", "my-slider", 4, 1
    TRAINER = {"warmup": 10, "decay_from": 0.5, "checkpoint_every": 50}  # a slider's run is short
    MADE, ONCE = "n_scenes", ("samples",)

    name: Annotated[str, fields.name_of("slider")]
    title: fields.Title = ""
    base: str = Field(default=fields.TEACHER, title="Model", description="Id of the teacher or student it is trained on.")
    method: str = Field(default="pairs", title="Method", description="From pairs of pictures, two prompts, or the model itself.")
    attribute: str | None = Field(
        default=None, title="Attribute", description="What it moves, one of the world's attributes; none for a direction."
    )
    negative: Words = Field(default="", title="Less", description="For two prompts: words of the low end, like “by day”.")
    positive: Words = Field(default="", title="More", description="For two prompts: words of the high end, like “at night”.")
    prompts: Prompts = Field(
        default=(),
        title="Prompts",
        description="What it is taught behind, and shown on; empty is captions of its world, or a few plain things elsewhere.",
    )
    preserve: Prompts = Field(
        default=(),
        title="Preserve",
        description="Words put before every prompt in turn, so that the slider leaves them apart, like “red” and “blue”.",
    )
    pairs: str = Field(
        default="",
        max_length=400,
        title="Folder of pairs",
        description="For pairs of pictures: a folder among the data folder's uploads that holds low and high (or levels from "
        "−1 to 1) with pictures of the same names.",
    )
    settings: Json = Field(
        default_factory=dict, title="Settings", description="Of the method: rank, alpha, layers, lr, …; the rest is default."
    )
    steps: Annotated[int, fields.steps_of("Updates of the adapter.")] = 200
    seed: fields.Seed = 0
    trainer: Json = Field(default_factory=dict, title="Trainer", description=fields.trainer_settings(TRAINER))
    n_scenes: int = Field(
        default=384, ge=4, le=20_000, title="Scenes", description="Rendered at every level of the attribute, for pairs."
    )
    sample_every: Annotated[fields.Every, fields.strips_of("strips of pictures at strengths −2 to 2", "four")] = None
    measure_every: Annotated[
        fields.Every, fields.measurements("; empty is once, at the end; 0 is never, and strength 1 then means nothing more")
    ] = None
    stop_at: Annotated[Slope, fields.goal_of("the slope a unit of strength")] = None
    measure_seeds: int = Field(default=8, ge=2, le=256, title="Seeds", description="Pictures a prompt and strength, measured.")
    sinks: fields.Sinks = ()

    @property
    def worded(self) -> bool:
        """Whether it goes between words of a person's own."""
        return bool(self.negative or self.positive)

    @field_validator("attribute", mode="before")
    @classmethod
    def _attribute(cls, given: object) -> object:
        return given or None  # a form sends what is not chosen as empty text

    @field_validator("prompts", "preserve")
    @classmethod
    def _lines(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        lines = tuple(dict.fromkeys(filter(None, (" ".join(line.split()) for line in given))))
        long = next((line for line in lines if len(line) > MAX_PROMPT), None)
        if long is not None:
            raise ValueError(f"A line has {len(long):,} characters, {brief(long, 30)}; up to {MAX_PROMPT} fit.")
        return lines

    def check_fields(self) -> None:
        """What belongs to another method was meant for something and would do nothing."""
        if bool(self.negative) != bool(self.positive):
            raise ValueError(f"Only {brief(self.negative or self.positive)} was given; words of both ends would fit.")
        if self.method == "direction" and (self.attribute or self.worded):
            given = f"attribute {brief(self.attribute)}" if self.attribute else f"words {brief(self.negative)}"
            raise ValueError(f"A direction finds by itself what it moves, and the {given} was given; leave it out.")
        if self.method == "pairs" and self.worded:
            raise ValueError(f"Pairs take an attribute and no words, and {brief(self.negative)} was given; text takes words.")
        if self.pairs and self.method in ("text", "direction"):
            raise ValueError(f"The folder {brief(self.pairs)} was given, and {self.method} takes none; pairs take a folder.")
        if self.method == "pairs" and (self.preserve or (self.prompts and not self.pairs)):
            given = brief((self.prompts or self.preserve)[0])
            if self.pairs:
                raise ValueError(f"Pictures show what they show, and {brief(self.preserve[0])} was to be preserved; text does.")
            raise ValueError(f"Pairs bring their own captions, and {given} was given; text and direction take prompts.")
        if self.method != "direction" and not self.attribute and not self.worded and not self.pairs:
            raise ValueError(f"The method {brief(self.method)} needs something to move; an attribute, like size, would fit.")

    def check_submitted(self, paths: Paths, registry: Registry | None, catalogue: Catalogue) -> None:
        check_method(catalogue, "sliders", self.method, self.settings)
        if registry is not None:
            check_layers(catalogue, "sliders", self.method, self.settings, registry.get(self.base))
        domain = domain_of(registry.get(self.base).domain) if registry is not None else first()
        moved = self._check_attribute(domain)
        if domain.has_world:
            self._check_words(domain, moved)
        if self.pairs:
            pairs_in(paths, self.pairs)

    def check_base(self, entry: ModelEntry) -> None:
        if "embedded_guidance" in entry.card:
            raise ValueError(f"{entry.id} takes the guidance scale as an input; a slider of {entry.teacher} would fit it.")
        if not domain_of(entry.domain).has_world:
            self._check_elsewhere(entry)
        elif self.method == "direction" and not entry.oracle_here:
            raise ValueError(f"{entry.id} has no oracle, so there are no features to find directions in; pairs would fit.")

    def _check_elsewhere(self, entry: ModelEntry) -> None:
        """A model of no known world: what it moves comes from words, from pictures, or from features of its samples."""
        if self.attribute is not None:
            raise ValueError(
                f"Attributes like {brief(self.attribute)} are of a known world, and {entry.id} is of the domain {entry.domain}; "
                "words of both ends, or a folder of pairs, would fit."
            )
        checkpoint = describe(entry.folder)
        if checkpoint.embeds_guidance:
            raise ValueError(
                f"{entry.id} takes the guidance scale as an input; a slider of the model it comes from would fit it."
            )
        if checkpoint.reads_besides:
            raise ValueError(f"{entry.id} reads {checkpoint.reads_besides}, as for inpainting; its plain version would fit.")
        lines = len(self.prompts or range(PLAIN_LINES)) * max(1, len(self.preserve))
        if lines > MAX_LINES:
            raise ValueError(f"These prompts, each with every word to preserve, are {lines:,}; up to {MAX_LINES} fit.")
        if self.worded and form(self.negative) == form(self.positive):
            raise ValueError(f"Both ends say {brief(self.negative)}; two that differ would fit, like young and old.")

    def _check_attribute(self, domain: Domain) -> set[str]:
        """Against the domain; the factors that the attribute moves."""
        if self.attribute is None:
            return set()
        if self.attribute not in domain.attributes:
            hint = did_you_mean(self.attribute, domain.attributes) or f" Attributes are {', '.join(domain.attributes)}."
            raise ValueError(f"There is no attribute {brief(self.attribute)}.{hint}")
        about = domain.attributes[self.attribute]
        if self.method == "text" and not self.worded and about.words is None:
            raise ValueError(f"No words say {about.title.lower()} in captions; pairs, or words of your own, would fit.")
        return set(about.factors)

    def _check_words(self, domain: Domain, moved: set[str]) -> None:
        """Words against the language of the domain's captions; what it does not know would do nothing."""
        for line in (form(self.negative), form(self.positive), *self.prompts, *self.preserve):
            if sentence := domain.read(line.replace("{}", "")).notice:
                raise ValueError(sentence)
        if self.worded:
            stated = [domain.read(words).stated for words in (self.negative, self.positive)]
            if stated[0] == stated[1] or not all(stated):
                raise ValueError(
                    f"{brief(self.negative)} and {brief(self.positive)} say the same of a picture; two that differ would fit, "
                    "like by day and at night."
                )
            moved = moved | set(stated[0]) | set(stated[1])
        for line in (*self.prompts, *self.preserve):
            if both := moved & set(domain.read(line).stated):
                raise ValueError(f"{brief(line)} states the {sorted(both)[0]}, which the slider moves; leave that word out.")


def form(words: str) -> str:
    """Words of an end as they go into a prompt, "{}" standing for the rest: "at night" goes behind, "small" before."""
    words = " ".join(words.split())
    if not words or "{}" in words:
        return words
    behind = re.match(r"(at|in|by|on|with|under)\b", words.lower())
    return f"{{}} {words}" if behind else f"{words} {{}}"


def ends(request: SliderRequest) -> str:
    """What words of a person's own name, for people: without the places that the rest of a prompt takes."""
    return " to ".join(" ".join(words.replace("{}", " ").split()).strip(" ,") for words in (request.negative, request.positive))


def label(request: SliderRequest) -> str:
    """A title for lists of runs."""
    found = f"pictures of {Path(request.pairs).name[:40]}" if request.pairs else "a direction"
    what = request.attribute or (ends(request) if request.worded else found)
    return f"{request.name}: {what} by {request.method} on {request.base}, {count(request.steps, 'step')}"


KINDS.add_training("slider", "Slider", SliderRequest, label, "studio.capabilities.sliders.work:Sliding", Slid)
