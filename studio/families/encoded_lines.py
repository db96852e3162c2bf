"""Captions as conditions that are read once and kept: for families whose conditions are small."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Said
from studio.core.family import OpenModel

AT_ONCE = 256  # lines that are read together


class EncodedLines:
    """`core.family.Lines`: a row of every condition for each line, float32."""

    def __init__(self, model: OpenModel, said: Sequence[Said]):
        self.model, self.said = model, said
        parts = [model.encode(said[i : i + AT_ONCE]) for i in range(0, len(said), AT_ONCE)]
        self.table: Cond = {name: torch.cat([part[name].float() for part in parts]) for name in parts[0]}

    def __len__(self) -> int:
        return len(self.said)

    def take(self, index: Tensor) -> Cond:
        return {name: part[index.to(part.device)] for name, part in self.table.items()}

    def null(self, cond: Cond) -> Cond:
        return self.model.null(cond)


class EncodedLineReader:
    """`core.family.LineReader`, with the adapters off that the model wears."""

    def __init__(self, model: OpenModel):
        self.model = model

    def read(self, lines: Sequence[Said]) -> EncodedLines:
        with self.model.using(()):
            return EncodedLines(self.model, lines)
