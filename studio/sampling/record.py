"""What a step of sampling leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Record:
    """One step, for all seeds. Tensors stay on the device and are [N, ...].

    x, x0: the state at time t in this model's scale, and the (guided) belief about the clean sample there.
    after: the state the step leaves, in the next model's scale; of the last record it is the sample.
    level, scale: how much is hidden at t, and in proportion to what x is there (`core.levels.Level`; sigma / alpha and sigma of
        a Gaussian process). nfe: network evaluations per image so far, counting shared ones,
    which is what the plan costs on its own. seconds: this step's wall time; what is shared was measured once.
    computed: network evaluations per image that were run for this record; 0 where plans before it had asked the same.
    """

    index: int
    steps: int
    segment: int
    model: str
    t: float
    level: float
    scale: float
    x: Tensor
    x0: Tensor
    after: Tensor
    nfe: int
    seconds: float
    position: int
    computed: int

    @property
    def shared(self) -> bool:
        return not self.computed

    @property
    def last(self) -> bool:
        return self.index == self.steps - 1


@dataclass(frozen=True)
class Recorded:
    """The state a recorded run had when step ``index`` began, for the loop's ``resume``.

    x: [N, ...] as the model that took the step had it, at noise ``level`` and in this ``scale`` (`Record`).
    previous: x̂0 of the step before; rules that look back need it.
    """

    index: int
    x: Tensor
    level: float
    scale: float
    previous: Tensor | None = None

    @classmethod
    def at(cls, records: Sequence[Record], index: int) -> Recorded:
        """From all records of a run."""
        record = records[index]
        return cls(index, record.x, record.level, record.scale, records[index - 1].x0 if index else None)
