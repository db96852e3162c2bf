"""Votes: which of two samples of one prompt a person prefers, kept as named sets in `<data>/votes/<name>.json`.

A set is of one model and one plan, and a vote names its prompt and two seeds, so that the samples can be drawn again wherever the
model is. Needs no torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from studio.core import demo
from studio.core.explain import brief, did_you_mean, explain
from studio.core.files import Json, atomic_write, read_json
from studio.jobs.locks import FileLock
from studio.jobs.paths import Paths
from studio.library.subjects import NAME
from studio.sampling.plan import Plan

MAX_VOTES = 10_000
MAX_BYTES = 16 << 20  # of a file that is brought
WAIT_S = 10.0

Choice = Literal["left", "right", "tie"]


class Vote(BaseModel):
    """seeds: of the left sample and of the right one. given: the domain's inputs beside the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str = Field(min_length=1, max_length=300)
    seeds: tuple[int, int]
    choice: Choice
    given: Json = Field(default_factory=dict)

    @field_validator("seeds")
    @classmethod
    def _two(cls, seeds: tuple[int, int]) -> tuple[int, int]:
        if seeds[0] == seeds[1] or min(seeds) < 0 or max(seeds) >= 2**32:
            raise ValueError(f"the seeds {seeds[0]} and {seeds[1]} do not fit; two different ones from 0 would")
        return seeds

    @property
    def pair(self) -> tuple[str, tuple[int, ...]]:
        """What was voted on, whichever stood left."""
        return self.prompt, tuple(sorted(self.seeds))


class VoteSet(BaseModel):
    """model, weights: id and hash of what drew the samples. plan: how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1, max_length=90)
    weights: str = Field(default="", max_length=128)
    domain: str = Field(min_length=1, max_length=40)
    plan: Plan
    votes: tuple[Vote, ...] = Field(default=(), max_length=MAX_VOTES)

    @property
    def decided(self) -> tuple[Vote, ...]:
        """Those that are no tie."""
        return tuple(vote for vote in self.votes if vote.choice != "tie")

    @property
    def said(self) -> str:
        """ "12 votes, 2 of them ties" """
        n, ties = len(self.votes), len(self.votes) - len(self.decided)
        return f"{n:,} {'vote' if n == 1 else 'votes'}" + (
            f", {ties:,} of them {'a tie' if ties == 1 else 'ties'}" if ties else ""
        )


def home(paths: Paths) -> Path:
    return paths.root / "votes"


def listed(paths: Paths) -> tuple[dict[str, VoteSet], dict[str, str]]:
    """(sets by name, by name why another cannot be read, one sentence)."""
    found: dict[str, VoteSet] = {}
    broken: dict[str, str] = {}
    for file in sorted(home(paths).glob("*.json")):
        if NAME.fullmatch(file.stem):
            try:
                found[file.stem] = _read(file)
            except ValueError as error:
                broken[file.stem] = str(error)
    return found, broken


def votes(paths: Paths, name: str) -> VoteSet:
    """The set of a name. ValueError in one sentence where there is none, or where it is broken."""
    found, broken = listed(paths)
    if name in broken:
        raise ValueError(broken[name])
    if name not in found:
        hint = did_you_mean(name, found) or f" Sets are {', '.join(found) or 'none yet'}."
        raise ValueError(f"There are no votes called {brief(name)}.{hint}")
    return found[name]


def add(paths: Paths, name: str, about: VoteSet, given: Sequence[Vote]) -> VoteSet:
    """Add votes to a set, which is made where there is none. A pair that was voted on before has the new vote alone. about: of
    which model and plan; its own votes are left out. ValueError in one sentence."""
    demo.check("import")
    check_name(name)
    with _alone(paths):
        file = home(paths) / f"{name}.json"
        known = _read(file) if file.exists() else about.model_copy(update={"votes": ()})
        if (known.model, known.plan, known.weights) != (about.model, about.plan, about.weights):
            raise ValueError(
                f"The votes {name} are on pictures of {known.model}, drawn by other weights or in another way; "
                "another name would fit."
            )
        by_pair = {vote.pair: vote for vote in (*known.votes, *given)}
        if len(by_pair) > MAX_VOTES:
            raise ValueError(f"A set holds up to {MAX_VOTES:,} votes; another name would fit.")
        made = known.model_copy(update={"votes": tuple(by_pair.values())})
        _write(file, made)
    return made


def take_in(paths: Paths, name: str, text: str | bytes) -> VoteSet:
    """Keep a set from the text of a file. ValueError in one sentence where it is none, or the name is taken."""
    demo.check("import")
    check_name(name)
    if len(text) > MAX_BYTES:
        raise ValueError(f"The file has {len(text):,} bytes; up to {MAX_BYTES:,} fit.")
    found = _parsed("The file", text)
    with _alone(paths):
        file = home(paths) / f"{name}.json"
        if file.exists():
            raise ValueError(f"There are votes called {name} already; another name would fit.")
        _write(file, found)
    return found


def written(found: VoteSet) -> str:
    """A set as the text of its file."""
    return json.dumps(found.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def remove(paths: Paths, name: str) -> None:
    """Take a set away, a broken one too. ValueError where there is none."""
    demo.check("delete")
    file = home(paths) / f"{name}.json"
    if not NAME.fullmatch(name) or not file.is_file():
        votes(paths, name)
    file.unlink()


def check_name(name: str) -> str:
    """A name that a set can have. ValueError in one sentence."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"The name {brief(name, 40)} does not fit; up to 40 lower-case letters, digits, ., _ and -, "
            "the first a letter or digit, would, like my-votes."
        )
    return name


@contextmanager
def _alone(paths: Paths) -> Iterator[None]:
    """Nobody else writes votes meanwhile. OSError where somebody does for too long."""
    home(paths).mkdir(parents=True, exist_ok=True)
    lock = FileLock(home(paths) / ".lock")
    if not lock.acquire(wait_s=WAIT_S):
        raise OSError("Somebody else is writing votes; try again in a moment.")
    try:
        yield
    finally:
        lock.release()


def _read(file: Path) -> VoteSet:
    if read_json(file) is None:
        raise ValueError(f"The votes {file.stem} cannot be read: the file holds no JSON object.")
    return _parsed(f"The file of the votes {file.stem}", file.read_bytes())


def _parsed(what: str, text: str | bytes) -> VoteSet:
    try:
        return VoteSet.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(f"{what} does not fit: {explain(error)}") from error


def _write(file: Path, made: VoteSet) -> None:
    atomic_write(file, written(made))
