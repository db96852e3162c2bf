"""A small invented world, so that the measures are tested on data that is not images."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from studio.core.domain import Factor

torch.set_num_threads(1)

FACTORS = {
    "kind": Factor(name="kind", values=("dog", "cat"), probabilities=(0.5, 0.5), stated=True),
    "mood": Factor(name="mood", values=("calm", "wild", "sad"), probabilities=(0.6, 0.3, 0.1), stated=True),
    "tone": Factor(name="tone", values=("low", "mid", "high", "peak"), probabilities=(0.4, 0.3, 0.2, 0.1), stated=True),
}


def draw(n, seed=0, power=1.0, kind=0, wrong=0, outside=0, width=6):
    """Readings of n samples whose free factors follow probabilities^power; some wrong, some out of distribution.

    Labels come from one uniform number a (seed, factor), so arms with other powers are paired.
    """
    g = torch.Generator().manual_seed(seed)
    labels = {"kind": torch.full((n,), kind)}
    labels["kind"][:wrong] = 1 - kind
    for name in ("mood", "tone"):
        p = torch.tensor(FACTORS[name].probabilities, dtype=torch.float64) ** power
        edges = (p / p.sum()).cumsum(0)
        u = torch.rand(n, generator=g, dtype=torch.float64)
        labels[name] = torch.searchsorted(edges, u).clamp(max=len(p) - 1)
    values = {"x": torch.randn(n, generator=g) / power, "tone": torch.rand(n, generator=g)}
    inside = torch.ones(n, dtype=torch.bool)
    if outside:
        inside[-outside:] = False
    features = torch.randn(n, width, generator=g) / power
    return SimpleNamespace(labels=labels, values=values, features=features, in_distribution=inside)


@pytest.fixture
def factors():
    return FACTORS


@pytest.fixture
def readings():
    return draw
