"""What measures ask of an oracle's readings and a world's factors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from studio.core.domain import Factor, Readings
from studio.core.explain import did_you_mean

World = Mapping[str, Sequence[float] | Mapping[str, float]]  # frequencies by factor, for one prompt


def frequencies(factor: Factor, world: World | None) -> Tensor:
    """Frequencies [K] float64 of a factor: those of `world` where it has any, otherwise the factor's own."""
    given = (world or {}).get(factor.name)
    if given is None:
        given = factor.probabilities
    row = [given.get(v, 0.0) for v in factor.values] if isinstance(given, Mapping) else list(given)
    if len(row) != len(factor.values):
        raise ValueError(f"{factor.name} got {len(row)} frequencies; it has {len(factor.values)} values.")
    return torch.tensor(row, dtype=torch.float64)


def correct(readings: Readings, stated: Mapping[str, str], factors: Mapping[str, Factor]) -> dict[str, Tensor]:
    """For every stated factor, whether each sample shows it, and whether it is what every sample must be: [N] bool."""
    for name in stated:
        known(name, factors, "factor")
    shown = {name: labels_of(readings, name) == factors[name].index(value) for name, value in stated.items()}
    return shown | {name: torch.as_tensor(ok).bool().cpu() for name, ok in getattr(readings, "always", {}).items()}


def labels_of(readings: Readings, name: str) -> Tensor:
    """Labels [N] of a factor, on the CPU."""
    known(name, readings.labels, "factor among the readings")
    return torch.as_tensor(readings.labels[name]).long().cpu()


def accepted(readings: Readings) -> Tensor:
    """The gate: [N] bool, True for samples whose oracle score is in distribution."""
    return torch.as_tensor(readings.in_distribution).bool().cpu()


def counted(readings: Readings) -> Tensor:
    """Whose factors are counted as diversity: [N] bool, what is recognisable where the oracle says so, else what is accepted."""
    found = getattr(readings, "recognisable", None)
    return accepted(readings) if found is None else torch.as_tensor(found).bool().cpu()


def known(name: str, names: Iterable[str], what: str) -> None:
    """Raise a ValueError that lists what there is, unless `name` is among `names`."""
    there = list(names)
    if name not in there:
        raise ValueError(f"There is no {what} {name!r}; there are {', '.join(there)}.{did_you_mean(name, there)}")
