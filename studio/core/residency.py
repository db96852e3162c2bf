"""What open models hold in memory, counted from their files. Of any family; no torch."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Literal

Role = Literal["network", "encoders", "vae"]
Precision = Literal["float32", "bfloat16", "float16"]
ROLES: tuple[Role, ...] = ("network", "encoders", "vae")
BYTES: dict[Precision, int] = {"float32": 4, "bfloat16": 2, "float16": 2}  # of one number


@dataclass(frozen=True)
class Held:
    """A part of a model as it is held once it is open.

    part: its folder. role: what it is for; the LoRA that makes a student of its base is of the network. numbers: weights and
    tables. wide: those of them that stay float32 whatever the precision. files: equal for parts that open as the same and
    are then held once.
    """

    part: str
    role: Role
    numbers: int
    precision: Precision
    files: Hashable
    wide: int = 0

    @property
    def bytes(self) -> int:
        return (self.numbers - self.wide) * BYTES[self.precision] + self.wide * BYTES["float32"]


def distinct(parts: Iterable[Held]) -> tuple[Held, ...]:
    """Every part once, however many models have it."""
    return tuple({(held.files, held.precision): held for held in parts}.values())


def by_role(parts: Iterable[Held]) -> dict[Role, int]:
    """Bytes of what is held for the network, for text and for pictures, what is shared once."""
    found = dict.fromkeys(ROLES, 0)
    for held in distinct(parts):
        found[held.role] += held.bytes
    return found
