"""What a remedy may change in a step: the condition the network is given, or the belief that comes out. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from torch import Tensor

    from studio.core.denoiser import Cond


@dataclass(frozen=True)
class Moment:
    """Where a step stands. share: t over the largest time of the process, 0 clean … 1 noise. level: sigma / alpha.

    position: the step's grid position, from which its noise is drawn (see `Segment.positions`).
    """

    share: float
    level: float
    position: int


class Remedy(BaseModel):
    """Frozen settings. Subclasses have a literal field ``kind`` and override what they need.

    draws: makes random draws that belong to a step's position, so that other positions give another result.
    coupled: looks at all seeds of a prompt together, so that a sample depends on which seeds are drawn beside it.
    processes: kinds of processes it is made for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    draws: ClassVar[bool] = False
    coupled: ClassVar[bool] = False
    processes: ClassVar[tuple[str, ...]] = ("gaussian",)

    @property
    def neutral(self) -> bool:
        """True where the settings mean that nothing ever happens."""
        return False

    @property
    def tells(self) -> bool:
        """Whether it changes what a network is given; one that does not leaves the network's answers as they are."""
        return type(self).condition is not Remedy.condition

    def active(self, moment: Moment) -> bool:
        """Whether anything happens at this step; where it does not, the step is that of a plan without the remedy."""
        return not self.neutral

    def condition(self, cond: Cond, seeds: Sequence[int], moment: Moment) -> Cond:
        """The condition (one row a seed) that the network is given instead. The null condition is never touched."""
        return cond

    def belief(self, x0: Tensor, groups: Sequence[Sequence[int]], moment: Moment) -> Tensor:
        """What x̂0 [N, ...] becomes after guidance. groups: rows of all seeds, those under one prompt together."""
        return x0
