"""Judges: who answers the questions of a prompt by looking at its sample. A file each, found by scanning. In a worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from studio.core.domain import Domain, Oracle, Said
from studio.core.registry import Registry
from studio.jobs.paths import Paths
from studio.library.checklist import Check
from studio.library.models import ModelEntry
from studio.workshop.open_models import ModelCache

YES = 0.5  # an answer above it is yes


@dataclass(frozen=True)
class Answer:
    """score: in [0, 1], how far what is asked for is there. reason: what is seen, a few words."""

    score: float
    reason: str

    @property
    def yes(self) -> bool:
        return self.score > YES


class Judge(Protocol):
    """key: equal only for judges that answer the same. about: who it is and what it knows, one sentence."""

    @property
    def key(self) -> str: ...
    @property
    def about(self) -> str: ...
    def answers(self, samples: Tensor, said: Sequence[Said], asked: Sequence[Sequence[Check]]) -> list[list[Answer]]:
        """Of decoded samples [N, …], what each was asked for, and its questions: an answer to each, in their order."""


@dataclass(frozen=True)
class Opening:
    """What a judge may open itself with. entry: a model whose samples are to be judged. choice: what a person named besides the
    judge, a folder or an id, "" where nothing. oracle: of these samples, None where there is none. home: the data folder, where
    judges of a person's own are listed, None for the shipped ones alone."""

    domain: Domain
    entry: ModelEntry
    models: ModelCache
    oracle: Oracle | None = None
    choice: str = ""
    home: Paths | None = None


class NotHere(Exception):
    """This judge cannot be used here; one sentence says why, and what would fit."""


@dataclass(frozen=True)
class JudgeCard:
    """title: in tables. order: in lists, the better one first. open: NotHere where it cannot."""

    title: str
    order: int
    open: Callable[[Opening], Judge]


JUDGES: Registry[JudgeCard] = Registry("studio.capabilities.evaluate.judges", "judge", variable="STUDIO_JUDGES")


def judge(name: str, *, title: str, order: int) -> Callable[[Callable[[Opening], Judge]], Callable[[Opening], Judge]]:
    """Decorator of the function that opens it."""

    def register(open_judge: Callable[[Opening], Judge]) -> Callable[[Opening], Judge]:
        JUDGES.add(name)(JudgeCard(title, order, open_judge))
        return open_judge

    return register
