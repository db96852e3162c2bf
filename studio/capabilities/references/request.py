"""References: teach an adapter to take one attribute from a picture, and show it pictures wherever something is drawn.

--with "references=mine/looks: color=pocket/ink#2, time=pocket/poster#1"       an adapter, and what is wanted of which picture
--with "references=mine/looks=0.8: color=sketch-1a2b.png"                      at a strength; a picture among the uploads
--with "references=color=pocket/ink#2" --adapter mine/looks                    for the adapters that are worn already

Needs no torch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from studio.capabilities.references.result import Referred
from studio.core.explain import brief, count, did_you_mean
from studio.core.files import Json
from studio.domains import domain_of
from studio.jobs.kinds import KINDS
from studio.jobs.paths import Paths
from studio.library import training_fields as fields
from studio.library.adapter_uses import MAX_STRENGTH
from studio.library.adapters import load_adapters
from studio.library.additions import ADDITIONS, Addition
from studio.library.hint_uses import MAX_BYTES, uploads
from studio.library.models import ModelEntry
from studio.library.subjects import misfit, subject
from studio.library.training_request import BasedRequest

METHOD = ("tokens", "width", "batch", "lr", "name_first", "drop", "drop_references", "ema")  # settings of the method
MOST, LONGEST = 4, 600  # references, characters
USE = re.compile(r"(?:(?P<id>[^=:,\s]+)\s*(?:=\s*(?P<strength>[^:,\s]+)\s*)?:\s*)?(?P<wanted>[^:]+)")
WANTED = re.compile(
    r"(?P<attribute>[^=,\s]+)\s*=\s*(?:(?P<subject>[^#,]+?)\s*#\s*(?P<number>[0-9]{1,3})|(?P<picture>[^#,]+?))\s*"
)
HELP = "adapter: attribute=subject#number, like mine/looks: color=pocket/ink#2, time=pocket/poster#1"


class Reference(BaseModel):
    """What is wanted of one picture: the one of this number of a subject, from 1, or a file in the data folder's uploads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attribute: str = Field(max_length=60)
    subject: str = Field(default="", max_length=80)
    number: int = Field(default=1, ge=1)
    picture: str = Field(default="", max_length=120)

    @model_validator(mode="after")
    def _one(self) -> Reference:
        if bool(self.subject) == bool(self.picture):
            raise ValueError(f"{self.attribute} is wanted of one picture: of a subject's or of a file in uploads; give one.")
        if self.picture and (Path(self.picture).name != self.picture or self.picture.startswith(".")):
            raise ValueError("A picture is named as it lies in the data folder's uploads, without a path.")
        return self

    def __str__(self) -> str:
        return f"{self.attribute}={self.picture or f'{self.subject}#{self.number}'}"


class ReferencesUse(BaseModel):
    """id: of the adapter that reads them, in units of whose calibration the strength is; "" for those that are worn anyway."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(default="", max_length=80)
    strength: float = Field(default=1.0, ge=-MAX_STRENGTH, le=MAX_STRENGTH, allow_inf_nan=False)
    wanted: tuple[Reference, ...] = Field(min_length=1, max_length=MOST)

    @model_validator(mode="after")
    def _distinct(self) -> ReferencesUse:
        names = [one.attribute for one in self.wanted]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"{twice} is wanted of two pictures; each attribute comes from one.")
        return self

    def __str__(self) -> str:
        strength = "" if self.strength == 1 else f"={self.strength:g}"
        return f"{self.id}{strength}: ".removeprefix(": ") + ", ".join(map(str, self.wanted))


def read_references(given: object) -> ReferencesUse:
    """Text or fields. ValueError in one sentence."""
    if not isinstance(given, str):
        return ReferencesUse.model_validate(given)
    match, found = USE.fullmatch(given[:LONGEST].strip()), []
    for part in match["wanted"].split(",") if match else ():
        one = WANTED.fullmatch(part.strip())
        if one is None:
            raise ValueError(f"{brief(part.strip(), 60)} says of no picture what is wanted of it; {HELP}, would fit.")
        found.append({name: value for name, value in one.groupdict().items() if value is not None})
    if match is None:
        raise ValueError(f"{brief(given, 60)} names no references; {HELP}, would fit.")
    about = {name: match[name] for name in ("id", "strength") if match[name] is not None}
    return ReferencesUse.model_validate({**about, "wanted": found})


def _text(given: object) -> object:
    return str(read_references(given)) if given else ""


def check_references(value: object, models: Sequence[ModelEntry], home: Paths | None) -> None:
    """ValueError in one sentence where an adapter, an attribute or a picture does not fit the models that will draw."""
    if not value:
        return
    use = read_references(value)
    for model in models:
        known = tuple(domain_of(model.domain).factors)
        if use.id:
            entry = load_adapters(home).get(use.id)
            if said := entry.misfit(model):
                raise ValueError(said)
            known = tuple(entry.card.get("attributes") or ())
            if not known:
                raise ValueError(f"{entry.id} reads no reference pictures; an adapter of the kind references would fit.")
        for one in use.wanted:
            check_attribute(one.attribute, known)
            if one.subject and (said := misfit(subject(home, one.subject), model)):
                raise ValueError(said)
    for one in use.wanted:
        _check_picture(one, home)


def check_attribute(name: str, known: Sequence[str]) -> None:
    if name not in known:
        listed = ", ".join(known) or "none"
        raise ValueError(f"No attribute is called {brief(name, 40)}; {listed} can be wanted.{did_you_mean(name, known)}")


def _check_picture(one: Reference, home: Paths | None) -> None:
    if one.subject and one.number > (there := len(subject(home, one.subject).pictures)):
        raise ValueError(f"{one.subject} has {there} pictures, and number {one.number} was asked for; 1 to {there} would fit.")
    if one.picture and home is not None:
        file = uploads(home) / one.picture
        if not file.is_file() or file.stat().st_size > MAX_BYTES:
            raise ValueError(f"{one.picture} is not among the uploads, or has more than {MAX_BYTES:,} bytes.")


ADDITIONS.add("references")(
    Addition(
        Annotated[str, BeforeValidator(_text), Field(max_length=LONGEST)],
        "",
        title="Attributes from reference pictures",
        work="studio.capabilities.references.showing:show",
        description=f"an adapter that reads references, and what is wanted of which picture: {HELP}. Without an adapter those "
        "that are worn are shown them; a picture is one of a subject's, or the name of a file in the data folder's uploads",
        check=check_references,
    )
)


class ReferencesRequest(BasedRequest):
    """Which attributes can be wanted of pictures, on which model it is trained, and how."""

    HOME, LIKE, STRIPS, MEASURES = "adapters", "my-looks", 4, 1
    TRAINER = {"warmup": 50, "decay_from": 0.5, "checkpoint_every": 100}
    MADE = "n_scenes"

    name: Annotated[str, fields.name_of("adapter")]
    title: fields.Title = ""
    base: str = Field(default=fields.TEACHER, title="Model", description="Id of the teacher it is trained on.")
    attributes: tuple[str, ...] = Field(
        default=(), title="Attributes", description="Factors of the domain that can be wanted of a picture; empty is all of them."
    )
    tokens: int = Field(default=4, ge=1, le=64, title="Tokens", description="Of a picture's attribute.")
    width: int = Field(default=64, ge=8, le=1024, multiple_of=8, title="Width", description="Of what reads pictures.")
    batch: fields.Batch = 32
    lr: float = Field(default=2e-3, gt=0, le=1, allow_inf_nan=False, title="Learning rate")
    name_first: int = Field(
        default=500,
        ge=0,
        le=fields.MAX_STEPS,
        title="Name first",
        description="Of the steps, those that only teach it to name values of attributes, before the network hears it.",
    )
    drop: float = Field(
        default=0.1, ge=0, le=1, allow_inf_nan=False, title="Dropped prompts", description="Share of samples without a prompt."
    )
    drop_references: float = Field(
        default=0.1,
        ge=0,
        le=1,
        allow_inf_nan=False,
        title="Dropped references",
        description="Share of samples without references.",
    )
    ema: float = Field(default=0.99, ge=0, lt=1, allow_inf_nan=False, title="EMA", description="Average of what is learned.")
    steps: Annotated[int, fields.steps_of("Updates.")] = 2000
    seed: fields.Seed = 0
    trainer: Json = Field(default_factory=dict, title="Trainer", description=fields.trainer_settings(TRAINER))
    n_scenes: int = Field(default=3000, ge=16, le=20_000, title="Scenes", description="Rendered, to draw from and to refer to.")
    sample_every: Annotated[fields.Every, fields.strips_of("strips of pictures beside their references", "four")] = None
    measure_every: Annotated[fields.Every, fields.measurements(" on the base; empty is once, at the end; 0 is never")] = None
    stop_at: Annotated[fields.Goal, fields.goal_of("the share of pictures that show the attribute of their reference")] = None
    measure_seeds: int = Field(
        default=32, ge=4, le=1024, title="Pictures measured", description="Of each attribute, with references and without."
    )
    sinks: fields.Sinks = ()

    @property
    def settings(self) -> Json:
        """Of the method."""
        return {name: getattr(self, name) for name in METHOD}

    def check_fields(self) -> None:
        if self.name_first >= self.steps:
            raise ValueError(
                f"name_first is {self.name_first:,} of {self.steps:,} steps, so the network would hear nothing; fewer would fit."
            )

    def check_base(self, entry: ModelEntry) -> None:
        factors = domain_of(entry.domain).factors
        if not factors:
            raise ValueError(
                f"{entry.id} is of the domain {entry.domain}, which knows no attributes that two pictures could be said to share."
            )
        for name in self.attributes:
            check_attribute(name, tuple(factors))
        if entry.role != "teacher":
            raise ValueError(f"{entry.id} is a student; an adapter of its teacher {entry.teacher} works on it, so train that.")


def label(request: ReferencesRequest) -> str:
    """A title for lists of runs."""
    return f"{request.name}: references on {request.base}, {count(request.steps, 'step')}"


WORK = "studio.capabilities.references.work:Referring"
KINDS.add_training("references", "References", ReferencesRequest, label, WORK, Referred)
