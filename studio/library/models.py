"""The models there are: `presets/models/*.yaml`, and the data folder's own `models/*.yaml` beside them.

A model whose folder is missing, or a file that does not parse, is listed with its reason; nothing is hidden and
nothing else stops working. Reads YAML and JSON only: no weights, no torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from studio.core.explain import brief, did_you_mean, explain
from studio.core.family import Checkpoint, SizedGrids
from studio.core.files import Json, read_json, yaml_values
from studio.core.precisions import named
from studio.core.recipe import Recipe
from studio.domains import domain_of
from studio.families import describe, family_of
from studio.jobs.paths import PRESETS, ROOT, Paths
from studio.library.placed import Wanted, folder_for, place
from studio.library.source import Source
from studio.sampling.grids import spaced

_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}/[a-z0-9][a-z0-9._-]{0,39}")
MAX_FILE_BYTES = 1 << 16  # of a model's YAML file


class Sampling(BaseModel):
    """How a teacher is sampled unless the request says otherwise. What is left out is the checkpoint's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=25, ge=1, le=1000)
    rule: str = "ddim"
    spacing: Literal["leading", "trailing", "linspace", "lcm"] | None = None
    guidance: float | None = Field(default=None, ge=1, le=50)


class ModelFile(BaseModel):
    """One YAML file, with either `folder` or `source`. Paths are relative to the checkout, or to the YAML file in the data
    folder. embedded_guidance: of a student that takes the scale as an input."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    title: str = Field(min_length=1, max_length=80)
    role: Literal["teacher", "student"]
    domain: str
    folder: str | None = None
    source: Source | None = None
    size: int = Field(gt=0, le=4096)  # pixels per side
    order: int = 100
    summary: str = ""
    teacher: str | None = None
    oracle: str | None = None
    sampling: Sampling = Sampling()
    recipe: Json | None = None  # for students whose folder carries no recipe.json
    embedded_guidance: float | None = Field(default=None, ge=1, le=50)
    dtype: str = ""  # precision that it is opened in for drawing; "" leaves it to the device
    tiny_decoder: str = ""  # that may draw its previews: a folder or file, or owner/name of the Hub's cache

    @field_validator("dtype")
    @classmethod
    def _dtype(cls, given: str) -> str:
        return named(given, "dtype") or ""

    @field_validator("id")
    @classmethod
    def _id(cls, given: str) -> str:
        if not _ID.fullmatch(given):
            raise ValueError(f"id is {brief(given)}; family/name in lower-case letters and digits fits, like mine/teacher.")
        return given

    @model_validator(mode="after")
    def _somewhere(self) -> ModelFile:
        if (self.folder is None) == (self.source is None):
            raise ValueError("a model has either a folder or a source; exactly one of the two would fit")
        return self

    @property
    def card(self) -> Json:
        """For a folder that is put together."""
        licence = self.source.licence if self.source else None
        said = {"what": self.summary, "licence": licence, "embedded_guidance": self.embedded_guidance}
        return {name: value for name, value in said.items() if value}


@dataclass(frozen=True)
class ModelEntry:
    """A model that is listed. `recipe` is a student's recipe.json (see `core.recipe.Recipe`) as plain values."""

    id: str
    title: str
    folder: Path
    role: Literal["teacher", "student"]
    teacher: str | None
    domain: str
    size: int
    card: Json = field(default_factory=dict)
    recipe: Json | None = None
    summary: str = ""
    oracle: Path | None = None
    sampling: Sampling = Sampling()
    source: Source | None = None  # where its files come from, if it is not a folder of its own
    checkpoint: Checkpoint = Checkpoint()  # what its family says of the folder
    dtype: str = ""  # precision that its file asks for
    tiny_decoder: str = ""  # an absolute path, or owner/name on the Hub
    available: bool = True
    reason: str = ""  # why it is not available, one sentence

    @property
    def to_come(self) -> bool:
        """Whether it is on the Hub and not here: listed, and not among what can be chosen."""
        return not self.available and self.source is not None and self.source.hub is not None and not self.folder.is_dir()

    @property
    def steps(self) -> int:
        """Steps of a student's own recipe (0 while it has none), or of a teacher's default."""
        if self.role == "student":
            return len(self.recipe["timesteps"]) if self.recipe else 0
        return self.sampling.steps

    @property
    def has_oracle(self) -> bool:
        """Whether something reads what it draws by what was asked for; its files may still be missing."""
        return self.oracle is not None and domain_of(self.domain).has_world

    @property
    def oracle_here(self) -> bool:
        """Whether its oracle is on this machine."""
        return self.has_oracle and self.oracle is not None and self.oracle.is_dir()

    @property
    def valid_steps(self) -> tuple[int, ...]:
        """Step counts that are on a student's recipe."""
        return tuple(sorted(self.recipe.get("valid_steps") or (self.steps,))) if self.recipe else ()

    @property
    def guidance(self) -> float:
        """Default guidance: the YAML file's, else the model card's, else what diffusers' pipeline uses."""
        return float(self.sampling.guidance or self.card.get("default_guidance") or self.checkpoint.guidance)

    def timesteps(self, n: int, shape: Sequence[int] | None = None) -> tuple[float, ...]:
        """A grid of `n` steps, spaced as the YAML file says, else as the checkpoint does. shape: of a latent sample, where it is
        not the model's own."""
        family = family_of(self.folder)
        if family is None:
            return spaced(self.sampling.spacing or "leading", n)
        if shape is not None and isinstance(family, SizedGrids):
            return family.timesteps_at(self.folder, n, self.sampling.spacing, shape)
        return family.timesteps(self.folder, n, self.sampling.spacing)

    def plain(self) -> Json:
        """For forms: JSON, no paths of this machine."""
        return {"id": self.id, "title": self.title, "role": self.role, "teacher": self.teacher, "domain": self.domain,
                "size": self.size, "summary": self.summary, "steps": self.steps, "valid_steps": list(self.valid_steps),
                "guidance": self.guidance, "card": self.card, "recipe": self.recipe,
                "available": self.available, "reason": self.reason}  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """A student with its teacher; named by the student's id."""

    id: str
    title: str
    teacher: ModelEntry
    student: ModelEntry

    @property
    def available(self) -> bool:
        return self.teacher.available and self.student.available

    @property
    def reason(self) -> str:
        return self.student.reason or self.teacher.reason


class Registry:
    """All models by id. `problems`: YAML file name -> why it could not be listed."""

    def __init__(self, entries: Iterable[ModelEntry], problems: Mapping[str, str] | None = None):
        self.entries: dict[str, ModelEntry] = {entry.id: entry for entry in entries}
        self.problems: dict[str, str] = dict(problems or {})

    def get(self, model_id: str) -> ModelEntry:
        if model_id in self.entries:
            return self.entries[model_id]
        here = [entry.id for entry in self.entries.values() if not entry.to_come]
        hint = did_you_mean(model_id, self.entries) or f" Models are {', '.join(here) or 'none yet'}."
        raise ValueError(f"There is no model {brief(model_id)}.{hint}")

    def pairs(self) -> list[Pair]:
        """Students whose teacher is listed, in the order of the files, without those that are still to be downloaded."""
        here = [entry for entry in self.entries.values() if entry.role == "student" and not entry.to_come]
        return [self.pair(entry.id) for entry in here if entry.teacher in self.entries]

    def pair(self, student_id: str) -> Pair:
        student = self.get(student_id)
        if student.role != "student" or student.teacher is None:
            options = ", ".join(e.id for e in self.entries.values() if e.role == "student" and not e.to_come)
            raise ValueError(f"{student.id} is a teacher, and a pair is named by its student; students are {options}.")
        return Pair(student.id, student.title, self.get(student.teacher), student)

    def usable(self, student_id: str) -> Pair:
        """`pair`, or ValueError with the reason when either model cannot be opened here."""
        pair = self.pair(student_id)
        if not pair.available:
            raise ValueError(pair.reason)
        return pair


def load_registry(paths: Paths | None = None) -> Registry:
    """Shipped models, then those of the data folder; an id can be listed once, the shipped one stays."""
    files = [(path, ROOT) for path in sorted((PRESETS / "models").rglob("*.yaml"))]
    if paths is not None:
        files += [(path, path.parent) for path in sorted(paths.models.glob("*.yaml"))]
    known: dict[str, tuple[ModelFile, Path]] = {}
    problems: dict[str, str] = {}
    for path, base in files:
        try:
            model = _read(path)
            if model.id in known:
                raise ValueError(f"there is already a model {model.id}; choose another id")
            known[model.id] = model, base if model.source is None else path.parent
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            problems[path.name] = explain(error)
    listed: dict[str, ModelEntry] = {}
    for model, base in sorted(known.values(), key=lambda one: one[0].source is not None and one[0].source.base is not None):
        listed[model.id] = _entry(model, base, paths, listed)  # those that stand on another one come last
    return Registry(sorted(listed.values(), key=lambda entry: known[entry.id][0].order), problems)


def _read(path: Path) -> ModelFile:
    stat = path.stat()
    return _parsed(path, (stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=512)
def _parsed(path: Path, stamp: tuple[int, int]) -> ModelFile:
    """stamp: of the file as it is, so that it is parsed again when it was changed."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"{path.name} has more than {MAX_FILE_BYTES:,} bytes; a model's file is a few lines")
    try:
        return ModelFile.model_validate(yaml_values(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ValueError(explain(error)) from error


def _entry(model: ModelFile, beside: Path, paths: Paths | None, listed: Mapping[str, ModelEntry]) -> ModelEntry:
    """listed: those that it may stand on."""
    recipe = None
    folder, reason = _folder(model, beside, paths, listed)
    found = describe(folder)
    if not reason and found.reason:
        reason = f"{model.id} cannot be opened: {found.reason}."
    elif not reason and model.role == "student":
        recipe, reason = _recipe(model, folder, found.prediction)
    return ModelEntry(
        id=model.id,
        title=model.title,
        folder=folder,
        role=model.role,
        teacher=model.teacher,
        domain=model.domain,
        size=model.size,
        card=read_json(folder / "card.json") or {},
        recipe=recipe,
        summary=model.summary,
        oracle=(beside / model.oracle).resolve() if model.oracle else None,
        sampling=model.sampling,
        source=model.source,
        checkpoint=found,
        dtype=model.dtype,
        tiny_decoder=_tiny(model, beside),
        available=not reason,
        reason=reason,
    )


def _tiny(model: ModelFile, beside: Path) -> str:
    place = (beside / model.tiny_decoder).resolve()
    return str(place) if model.tiny_decoder and (place.exists() or model.tiny_decoder.count("/") != 1) else model.tiny_decoder


def _folder(model: ModelFile, beside: Path, paths: Paths | None, listed: Mapping[str, ModelEntry]) -> tuple[Path, str]:
    """(where the model lies, why it is not there)."""
    if model.source is None:
        folder = (beside / str(model.folder)).resolve()
        gone = f"{model.id} is not on this machine yet: its folder {model.folder} is missing."
        return folder, "" if folder.is_dir() else gone
    folder = folder_for(paths.models if paths else ROOT, model.id)
    if paths is None:
        return folder, f"{model.id} is put together in a data folder, and none is open."
    base = listed.get(model.source.base or "")
    if model.source.base and (base is None or not base.available):
        why = f"there is no model {model.source.base}" if base is None else base.reason.rstrip(".")
        return folder, f"{model.id} stands on {model.source.base}: {why}."
    wanted = Wanted(model.id, model.source, beside, base.folder if base else None, model.card, model.recipe)
    return folder, place(wanted, folder)


def _recipe(model: ModelFile, folder: Path, prediction: str) -> tuple[Json | None, str]:
    """(a student's recipe as plain values, why there is none). prediction: what its folder says that the network gives."""
    if not model.teacher:
        return None, f"{model.id} is a student whose file names no teacher."
    raw = read_json(folder / "recipe.json") or model.recipe
    if raw is None:
        return None, f"{model.id} has no recipe.json, so how it must be sampled is not known."
    try:
        recipe = Recipe.model_validate(raw)
        if recipe.prediction != prediction:
            said = f"The recipe of {model.id} says that it predicts {recipe.prediction}, and its folder says {prediction}"
            return None, f"{said}; the same in both would fit."
        return recipe.model_dump(mode="json"), ""
    except ValidationError as error:
        return None, f"The recipe of {model.id} does not fit: {explain(error)}"


FAMILY = "mine"  # ids of what people make here: mine/<name>
