"""Captions as conditions for teaching, read anew whenever they are taken: states of T5 are megabytes a line.

The encoders are the model's own, not copies, because a T5 is larger than what is taught.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Said

if TYPE_CHECKING:
    from studio.core.family import OpenModel


class ReadAnew:
    """`core.family.Lines`, float32, with the adapters off that the model wears."""

    def __init__(self, model: OpenModel, said: Sequence[Said]):
        self.model, self.said = model, said

    def __len__(self) -> int:
        return len(self.said)

    def take(self, index: Tensor) -> Cond:
        with self.model.using(()):
            return _float32(self.model.encode([self.said[i] for i in index.tolist()]))

    def null(self, cond: Cond) -> Cond:
        with self.model.using(()):
            return _float32(self.model.null(cond))


def _float32(cond: Cond) -> Cond:
    """As they are where they are no numbers (a mask)."""
    return {name: value.float() if value.is_floating_point() else value for name, value in cond.items()}


class LineReader:
    """`core.family.LineReader`."""

    def __init__(self, model: OpenModel):
        self.model = model

    def read(self, lines: Sequence[Said]) -> ReadAnew:
        return ReadAnew(self.model, lines)
