"""Readings of samples as rows on the CPU, one a seed: kept, joined, and handed to studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Readings of N samples (see `metrics.readings.Readings`); with steps, every tensor is [N, steps, ...]."""

    labels: Mapping[str, Tensor]
    values: Mapping[str, Tensor]
    features: Tensor
    in_distribution: Tensor
    score: Tensor  # the oracle's, of which in_distribution is a threshold
    always: Mapping[str, Tensor] = field(default_factory=dict)  # what every sample must be: bool
    witness: Tensor | None = None  # a second reader's features [N, D], where one read too
    recognisable: Tensor | None = None  # whose factors count as diversity, where that is not the gate: bool

    def __len__(self) -> int:
        return len(self.in_distribution)

    def rows(self, index: Tensor | Sequence[int]) -> Rows:
        """Some of the samples, in the order of `index`."""
        i = torch.as_tensor(index, dtype=torch.int64)
        return Rows(
            {k: v[i] for k, v in self.labels.items()},
            {k: v[i] for k, v in self.values.items()},
            self.features[i],
            self.in_distribution[i],
            self.score[i],
            {k: v[i] for k, v in self.always.items()},
            None if self.witness is None else self.witness[i],
            None if self.recognisable is None else self.recognisable[i],
        )

    def step(self, i: int) -> Rows:
        """The readings at one step."""
        return Rows(
            {k: v[:, i] for k, v in self.labels.items()},
            {k: v[:, i] for k, v in self.values.items()},
            self.features[:, i],
            self.in_distribution[:, i],
            self.score[:, i],
            {k: v[:, i] for k, v in self.always.items()},
            recognisable=None if self.recognisable is None else self.recognisable[:, i],
        )


def taken(readings: Any, witness: Tensor | None = None) -> Rows:
    """An oracle's readings (`core.domain.Readings`) as rows on the CPU; witness: a second reader's features."""
    found = getattr(readings, "recognisable", None)
    return Rows(
        {k: torch.as_tensor(v).to("cpu", torch.uint8) for k, v in readings.labels.items()},
        {k: torch.as_tensor(v).to("cpu", torch.float32) for k, v in readings.values.items()},
        torch.as_tensor(readings.features).to("cpu", torch.float16).float(),  # as they will be read from the file
        torch.as_tensor(readings.in_distribution).to("cpu", torch.bool),
        torch.as_tensor(readings.score).to("cpu", torch.float32),
        {k: torch.as_tensor(v).to("cpu", torch.bool) for k, v in getattr(readings, "always", {}).items()},
        None if witness is None else witness.to("cpu", torch.float16).float(),
        None if found is None else torch.as_tensor(found).to("cpu", torch.bool),
    )


def joined(parts: Sequence[Rows], dim: int = 0) -> Rows:
    """Rows below each other (dim 0), or steps beside each other (dim 1 of rows stacked to [N, 1, ...])."""
    first = parts[0]
    return Rows(
        {k: torch.cat([p.labels[k] for p in parts], dim) for k in first.labels},
        {k: torch.cat([p.values[k] for p in parts], dim) for k in first.values},
        torch.cat([p.features for p in parts], dim),
        torch.cat([p.in_distribution for p in parts], dim),
        torch.cat([p.score for p in parts], dim),
        {k: torch.cat([p.always[k] for p in parts], dim) for k in first.always},
        None if first.witness is None else torch.cat([p.witness for p in parts if p.witness is not None], dim),
        None if first.recognisable is None else torch.cat([p.recognisable for p in parts if p.recognisable is not None], dim),
    )


def over_steps(parts: Sequence[Rows]) -> Rows:
    """Readings of the same samples at successive steps, as [N, steps, ...]."""
    lifted = [
        Rows(
            {k: v[:, None] for k, v in p.labels.items()},
            {k: v[:, None] for k, v in p.values.items()},
            p.features[:, None],
            p.in_distribution[:, None],
            p.score[:, None],
            {k: v[:, None] for k, v in p.always.items()},
            recognisable=None if p.recognisable is None else p.recognisable[:, None],
        )
        for p in parts
    ]
    return joined(lifted, 1)
