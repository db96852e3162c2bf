"""What a network takes while it is trained, and forms of students that take less. Of any family; no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LeaveOut = Literal["nothing", "middle", "layers", "middle and layers"]


@dataclass(frozen=True)
class Smaller:
    """leave_out: blocks that go. width: share of the channels of every stage that stays, in (0, 1]."""

    leave_out: LeaveOut = "middle"
    width: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.width <= 1:
            raise ValueError(f"A width of {self.width:g} does not fit; more than 0 and at most 1 would.")
        if self.leave_out == "nothing" and self.width == 1:
            raise ValueError("Nothing is left out and the width is 1, so the student is no smaller; a width below 1 would fit.")

    @property
    def middle(self) -> bool:
        return self.leave_out in ("middle", "middle and layers")

    @property
    def layers(self) -> bool:
        return self.leave_out in ("layers", "middle and layers")


@dataclass
class Activations:
    """Numbers a sample. kept: saved for the backward pass. inputs: saved when blocks are computed a second time.
    widest: inside of the largest such block. skips: what the way up needs of the way down, also without a gradient.
    parameters: of the network, whatever the number of samples."""

    kept: float = 0.0
    inputs: float = 0.0
    widest: float = 0.0
    skips: float = 0.0
    parameters: float = 0.0


@dataclass(frozen=True)
class Footprint:
    """parameters: numbers that are trained; 0 where the weights cannot be read. activations: None where they are not counted."""

    parameters: float
    activations: Activations | None
