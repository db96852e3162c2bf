"""Subjects: what a person personalizes a model to, a few pictures of one thing or of one style under a name, with captions.

<subject>/subject.json       title, kind, class, word, domain, captions, consent, where it comes from
<subject>/pictures/*.png     to learn from
<subject>/held/*.png         held back for measuring
<subject>/masks/<name>.png   white where the thing is, of pictures of the same name

Shipped ones lie in `assets/subjects/<domain>/<name>/` under the id `<domain>/<name>`, a person's own in
`<data>/subjects/<name>/` under `mine/<name>`. What is broken is passed over and named in `problems`. Needs no torch until
pictures are read.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from studio.core import demo
from studio.core.explain import brief, did_you_mean, explain
from studio.core.files import Json, read_json
from studio.domains import domain_of
from studio.jobs.paths import ASSETS, Paths
from studio.library.brought_pictures import Limits, by_number, decoded
from studio.library.models import FAMILY, ModelEntry
from studio.library.new_words import check_word
from studio.library.picture_pairs import BATCH_PIXELS, read_picture, size_of

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

ABOUT = "subject.json"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
MAX_CAPTION = 300  # characters
PLACE = "{}"  # where the word goes in a caption
BARE = {"thing": "a {}", "style": "a picture in {}"}  # of a picture without caption
MAX_PICTURES = 100  # to learn from, and as many held back
BROUGHT = Limits(
    file_bytes=50_000_000, total_bytes=1_000_000_000, pixels=64_000_000, count=2 * MAX_PICTURES, kept_side=2048
)  # of the pictures of a subject, and of its masks
NOUN = re.compile(r"[^\W_]+(?:[ '-][^\W_]+){0,3}")  # up to four words

Kind = Literal["thing", "style"]
Given = Sequence[tuple[str, "Image | bytes"]]  # file name, and a picture or the bytes of its file


def check_caption(given: str) -> str:
    """The caption itself. ValueError in one sentence where it does not fit."""
    if given.count(PLACE) != 1 or len(given) > MAX_CAPTION or not given.isprintable():
        raise ValueError(
            f"The caption {brief(given)} does not fit; a line of up to {MAX_CAPTION} characters with {PLACE} once, "
            "where the word goes, would, like 'a {} at night'."
        )
    return given


def check_noun(given: str) -> str:
    """The class itself. ValueError in one sentence where it is no plain word."""
    if len(given) > 40 or not NOUN.fullmatch(given):
        raise ValueError(f"The class {brief(given, 50)} does not fit; a plain word for what it is one of would, like mushroom.")
    return given


class SubjectFile(BaseModel):
    """What subject.json holds. captions: by file name of a picture. shows: as in `Subject`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    title: str = Field(min_length=1, max_length=80)
    kind: Kind
    noun: Annotated[str, AfterValidator(check_noun)] = Field(alias="class")
    word: Annotated[str, AfterValidator(check_word)]
    domain: str = Field(min_length=1, max_length=40)
    captions: dict[str, Annotated[str, AfterValidator(check_caption)]] = {}
    shows: dict[str, str] = {}
    consent: bool = False
    licence: str = Field(default="", max_length=80)
    origin: str = Field(default="", max_length=400)


@dataclass(frozen=True)
class Subject:
    """A subject that is listed.

    noun: a plain word for what it is one of, which prompts without the new word say. captions: by name of every picture, held
    ones too, with {} where the word goes. missing: names of pictures that have none of their own. masks: by name of the picture.
    consent: whether a person said that they may use these pictures. shows: what all of them show of the domain's world, factor ->
    value, where that is known; an oracle can then read it.
    """

    id: str
    title: str
    kind: Kind
    noun: str
    word: str
    domain: str
    folder: Path
    captions: Mapping[str, str]
    pictures: tuple[Path, ...]
    held: tuple[Path, ...]
    masks: Mapping[str, Path]
    shipped: bool
    missing: tuple[str, ...] = ()
    consent: bool = False
    licence: str = ""
    origin: str = ""
    shows: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """12 hex digits, equal for equal contents."""
        found = hashlib.sha256()
        for file in (self.folder / ABOUT, *self.pictures, *self.held, *self.masks.values()):
            data = file.read_bytes()
            found.update(f"{file.relative_to(self.folder).as_posix()} {len(data)}\n".encode() + data)
        return found.hexdigest()[:12]

    def plain(self) -> Json:
        """As JSON, no paths of this machine."""
        return {"id": self.id, "title": self.title, "kind": self.kind, "class": self.noun, "word": self.word,
                "domain": self.domain, "pictures": [file.name for file in self.pictures],
                "held": [file.name for file in self.held], "masks": list(self.masks), "captions": dict(self.captions),
                "missing": list(self.missing), "consent": self.consent, "shows": dict(self.shows), "licence": self.licence,
                "origin": self.origin, "shipped": self.shipped, "digest": self.digest}  # fmt: skip

    def lines(self, called: str = PLACE, held: bool = False) -> list[str]:
        """Captions in the order of the pictures. called: what stands where the word goes."""
        return [self.captions[file.name].replace(PLACE, called) for file in (self.held if held else self.pictures)]

    def batches(self, side: int, held: bool = False) -> Iterator[Tensor]:
        """[B, 3, side, side] in [0, 1], the middle square of each."""
        import torch

        files, at_once = self.held if held else self.pictures, max(1, BATCH_PIXELS // side**2)
        for i in range(0, len(files), at_once):
            yield torch.stack([read_picture(file, side) for file in files[i : i + at_once]])

    def covers(self, side: int) -> Tensor | None:
        """Masks [N, 3, side, side] of the pictures to learn from, cut as they are, white where the thing is and all over where
        there is none; None where no picture has one."""
        import torch

        if not any(file.name in self.masks for file in self.pictures):
            return None
        white = torch.ones(3, side, side)
        found = [self.masks.get(file.name) for file in self.pictures]
        return torch.stack([white if file is None else read_picture(file, side) for file in found])


def home(paths: Paths) -> Path:
    """The folder of a person's own subjects."""
    return paths.root / "subjects"


def subjects(paths: Paths | None = None) -> dict[str, Subject]:
    """Shipped subjects by id, then those of the data folder, each by name."""
    return _listed(paths)[0]


def problems(paths: Paths | None = None) -> dict[str, str]:
    """By id of what lies where subjects lie and is none: why, one sentence."""
    return _listed(paths)[1]


def subject(paths: Paths | None, id: str) -> Subject:
    """The subject of an id. ValueError in one sentence where there is none, or where it is broken."""
    found, broken = _listed(paths)
    if id in broken:
        raise ValueError(broken[id])
    if id not in found:
        hint = did_you_mean(id, found) or f" Subjects are {', '.join(found) or 'none yet'}."
        raise ValueError(f"There is no subject {brief(id)}.{hint}")
    return found[id]


def misfit(subject: Subject, model: ModelEntry) -> str:
    """Why a model cannot be personalized to it, one sentence; empty where it can. Its captions are in the words of its domain;
    domains that no folder has are all plain pictures."""
    if subject.domain == model.domain or domain_of(subject.domain).name == domain_of(model.domain).name:
        return ""
    return f"{subject.id} is for models of the domain {subject.domain}, and {model.id} is of {model.domain}."


def fits(subject: Subject, model: ModelEntry) -> bool:
    return not misfit(subject, model)


# -- keeping -----------------------------------------------------------------------------------------------------------------


def keep(
    paths: Paths,
    name: str,
    accepted: Given,
    title: str,
    kind: Kind,
    noun: str,
    word: str,
    domain: str,
    captions: Mapping[str, str],
    consent: bool,
    held: Given = (),
    licence: str = "",
    origin: str = "",
    masks: Mapping[str, Image | bytes] = MappingProxyType({}),
    shows: Mapping[str, str] = MappingProxyType({}),
) -> Subject:
    """Keep pictures as `mine/<name>`; the folder appears whole or not at all. ValueError in one sentence.

    accepted: to learn from; held: held back. captions, masks: by their file names. Pictures are kept upright as 1.png, 2.png, …
    in the order they are given, without what else their files said (a camera, a place).
    """
    demo.check("import")
    check_name(paths, name)
    if shows:
        domain_of(domain).check(shows)
    for what, given in (("pictures", accepted), ("held-back pictures", held)):
        if not (what == "pictures") <= len(given) <= MAX_PICTURES:
            raise ValueError(f"{len(given):,} {what} were given; from {int(what == 'pictures')} to {MAX_PICTURES} fit.")
    numbered = {file: f"{i}.png" for i, (file, _) in enumerate((*accepted, *held), 1)}
    if len(numbered) < len(accepted) + len(held):
        raise ValueError("Two pictures have the same file name; one name each fits.")
    for what, by_name in (("caption", captions), ("mask", masks)):
        if strange := next((file for file in by_name if file not in numbered), None):
            raise ValueError(f"There is a {what} for {brief(strange)}, and no such picture.{did_you_mean(strange, numbered)}")
    try:
        told = {numbered[file]: text for file, text in captions.items()}
        said = {"title": title, "kind": kind, "noun": noun, "word": word, "domain": domain}
        about = SubjectFile.model_validate({**said, "captions": told, "consent": consent, "licence": licence, "origin": origin,
                                            "shows": dict(shows)})  # fmt: skip
    except ValidationError as error:
        raise ValueError(explain(error)) from error
    target, temporary = home(paths) / name, home(paths) / f".new-{secrets.token_hex(6)}"
    try:
        for part, given in (("pictures", accepted), ("held", held)):
            for file, picture in given:
                (temporary / part).mkdir(parents=True, exist_ok=True)
                found = decoded(file, _bytes(picture), BROUGHT)
                (temporary / part / numbered[file]).write_bytes(found.data)
                if file in masks:
                    (temporary / "masks").mkdir(exist_ok=True)
                    cover(file, masks[file], found.size).save(temporary / "masks" / numbered[file], "PNG")
        written = json.dumps(about.model_dump(by_alias=True), indent=1, ensure_ascii=False)
        (temporary / ABOUT).write_text(written + "\n", encoding="utf-8")
        check_name(paths, name)  # again: another one may have been kept meanwhile
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return subject(paths, f"{FAMILY}/{name}")


def _bytes(given: Image | bytes) -> bytes:
    """Of a picture's file."""
    if isinstance(given, bytes):
        return given
    buffer = io.BytesIO()
    given.save(buffer, "PNG")
    return buffer.getvalue()


def cover(name: str, given: Image | bytes, size: tuple[int, int]) -> Image:
    """A mask black and white, of the size (width, height) of its picture, whose name is said. ValueError in one sentence where
    it has another shape, or where nothing is white."""
    mask = decoded(f"the mask of {name}", _bytes(given), BROUGHT).image()
    if abs(mask.width * size[1] / mask.height - size[0]) > max(1, 0.01 * size[0]):
        raise ValueError(
            f"The mask of {brief(name)} is {mask.width} × {mask.height} pixels, and the picture {size[0]} × {size[1]}; "
            "a mask of the same shape would fit."
        )
    found = mask.convert("L").resize(size).point(lambda value: 255 * (value > 127))
    if found.getextrema() == (0, 0):
        raise ValueError(f"The mask of {brief(name)} is black all over; one that is white where the thing is would fit.")
    return found


def check_name(paths: Paths, name: str) -> str:
    """A name that a new subject can have. ValueError in one sentence."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"The name {brief(name, 40)} does not fit; up to 40 lower-case letters, digits, ., _ and -, "
            "the first a letter or digit, would, like my-cat."
        )
    if (home(paths) / name).exists():
        raise ValueError(f"There is a subject {FAMILY}/{name} already; another name would fit.")
    return name


def remove(paths: Paths, id: str) -> None:
    """Take a person's subject away, a broken one too. ValueError for one that is not theirs."""
    demo.check("delete")
    family, _, name = id.partition("/")
    folder = home(paths) / name
    if family != FAMILY or not NAME.fullmatch(name) or not folder.is_dir():
        found = subject(paths, id)
        raise ValueError(f"{found.id} is shipped with the studio; your own are called {FAMILY}/….")
    gone = folder.with_name(f".old-{secrets.token_hex(6)}")
    folder.rename(gone)
    shutil.rmtree(gone)


# -- captions ----------------------------------------------------------------------------------------------------------------


def with_trigger(captions: Mapping[str, str], prefix: str = "a {}") -> dict[str, str]:
    """Every caption with a place for the word: those that have none get the prefix before them, "at night" becomes
    "a {} at night". ValueError where the prefix has no {}."""
    check_caption(prefix)
    return {name: text if PLACE in text else f"{prefix} {text}".strip() for name, text in captions.items()}


def replaced(captions: Mapping[str, str], find: str, replace: str) -> dict[str, str]:
    """Captions with some words in place of others, whole words alone, in any case. ValueError where nothing is looked for."""
    if not find.strip():
        raise ValueError("Nothing was given to find in the captions; a word of them would fit.")
    whole = re.compile(rf"(?<!\w){re.escape(find.strip())}(?!\w)", re.IGNORECASE)
    return {name: whole.sub(lambda _: replace, text) for name, text in captions.items()}


# -- reading -----------------------------------------------------------------------------------------------------------------


def _listed(paths: Paths | None) -> tuple[dict[str, Subject], dict[str, str]]:
    folders = [(f"{at.parent.name}/{at.name}", at, True) for at in sorted((ASSETS / "subjects").glob("*/*"))]
    if paths is not None:
        folders += [(f"{FAMILY}/{at.name}", at, False) for at in sorted(home(paths).glob("*"))]
    found: dict[str, Subject] = {}
    broken: dict[str, str] = {}
    for id, at, shipped in folders:
        if at.is_dir() and not at.name.startswith("."):
            try:
                found[id] = _read(id, at, shipped)
            except (OSError, ValueError) as error:
                broken[id] = explain(error)
    return found, broken


def _read(id: str, folder: Path, shipped: bool) -> Subject:
    if not NAME.fullmatch(folder.name):
        raise ValueError(f"The folder {brief(folder.name, 40)} has no name of a subject; one like my-cat would fit.")
    raw = read_json(folder / ABOUT)
    if raw is None:
        raise ValueError(f"{id} has no readable {ABOUT}.")
    try:
        about = SubjectFile.model_validate(raw)
    except ValidationError as error:
        raise ValueError(f"The {ABOUT} of {id} does not fit: {explain(error)}") from error
    if about.shows:
        domain_of(about.domain).check(about.shows)
    pictures, held = (_pictures(id, folder / part) for part in ("pictures", "held"))
    if not pictures:
        raise ValueError(f"{id} has no pictures; PNG files in its folder pictures would fit.")
    names = [file.name for file in (*pictures, *held)]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ValueError(f"{id} has {brief(twice)} among its pictures and among those held back; one place fits.")
    missing = tuple(name for name in names if name not in about.captions)
    return Subject(
        id,
        about.title,
        about.kind,
        about.noun,
        about.word,
        about.domain,
        folder,
        {name: about.captions.get(name, BARE[about.kind]) for name in names},
        pictures,
        held,
        {file.name: file for file in _pictures(id, folder / "masks", 2 * MAX_PICTURES) if file.name in names},
        shipped,
        missing,
        about.consent,
        about.licence,
        about.origin,
        about.shows,
    )


def _pictures(id: str, folder: Path, most: int = MAX_PICTURES) -> tuple[Path, ...]:
    files = [file for file in folder.glob("*.png") if file.name[0] != "." and file.is_file()]
    if len(files) > most:
        raise ValueError(f"{id} has {len(files):,} pictures in {folder.name}; up to {most:,} fit.")
    for file in files:
        size_of(file)  # says what cannot be read
    return tuple(sorted(files, key=lambda file: by_number(file.name)))
