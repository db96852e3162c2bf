"""Captions as conditions that are read once and kept: for families whose conditions are small."""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Said
from studio.core.family import OpenModel

AT_ONCE = 256  # lines that are read together


class EncodedLines:
    """`core.family.Lines`: a row of every condition for each line, float32; equal lines share one."""

    def __init__(self, model: OpenModel, said: Sequence[Said]):
        self.model, self.said = model, said
        asked = [json.dumps([line.text, line.given], sort_keys=True) for line in said]
        unique = dict(zip(asked, said, strict=True))
        places = {key: i for i, key in enumerate(unique)}
        self._places = torch.tensor([places[key] for key in asked])
        lines = list(unique.values())
        parts = [model.encode(lines[i : i + AT_ONCE]) for i in range(0, len(lines), AT_ONCE)]
        self.table: Cond = {name: torch.cat([part[name].float() for part in parts]) for name in parts[0]}

    def __len__(self) -> int:
        return len(self.said)

    def take(self, index: Tensor) -> Cond:
        where = self._places[index.cpu()]
        return {name: part[where.to(part.device)] for name, part in self.table.items()}

    def null(self, cond: Cond) -> Cond:
        return self.model.null(cond)


class EncodedLineReader:
    """`core.family.LineReader`, with the adapters off that the model wears."""

    def __init__(self, model: OpenModel):
        self.model = model

    def read(self, lines: Sequence[Said]) -> EncodedLines:
        with self.model.using(()):
            return EncodedLines(self.model, lines)
