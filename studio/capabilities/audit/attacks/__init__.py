"""Attacks on a model that was made to forget, a file each, found by scanning. In a worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from studio.capabilities.audit.stage import Stage
from studio.core.files import Json
from studio.core.registry import Registry

Access = Literal["prompts", "sampling", "weights"]  # what somebody needs for it: to type, to run it their way, to train on it


@dataclass(frozen=True)
class Found:
    """rows: as `Stage.row` makes them. told: index of the row that the verdict speaks of, chosen before anything is drawn; None
    is the one that shows most. floor: index of the row that shows what is seen where the model adds nothing. spent: the budget,
    in words. more: figures of its own; "curve" says what was measured along a way: {"over": in words, "at": places, "rows":
    indices}."""

    rows: Sequence[Json]
    spent: str
    told: int | None = None
    floor: int | None = None
    more: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Attack:
    """title: in tables. clause: with "brings it back in 85 %" behind it. order: in reports, by worth."""

    title: str
    clause: str
    order: int
    access: Access
    run: Callable[[Stage], Found]


class LeftOut(Exception):
    """What this attack needs is not there; one sentence."""


ATTACKS: Registry[Attack] = Registry("studio.capabilities.audit.attacks", "attack")


def attack(
    name: str, *, title: str, clause: str, order: int, access: Access
) -> Callable[[Callable[[Stage], Found]], Callable[[Stage], Found]]:
    """Decorator of the function that does it."""

    def register(run: Callable[[Stage], Found]) -> Callable[[Stage], Found]:
        ATTACKS.add(name)(Attack(title, clause, order, access, run))
        return run

    return register
