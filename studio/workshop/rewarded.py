"""Rewards at work: decoded samples in, how much each is worth out (`library.rewards` says which there are). Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from studio.core.domain import Domain, Oracle, Said
from studio.library.rewards import LESS, MORE, PROMPT, REWARDS

Worth = Callable[[Tensor, Sequence[Said]], Tensor]  # decoded samples [N, ...], what each was asked for -> [N] float32


def worth(name: str, domain: Domain, oracle: Oracle | None) -> Worth:
    """The reward of a name that was checked against a model. oracle: of its domain; rewards of a medium need none."""
    if (known := REWARDS.all().get(name)) is not None and known.medium == domain.medium:
        return lambda samples, said: known.read(samples.float()).float()
    assert oracle is not None, "the request has looked"
    if name == PROMPT:
        return lambda samples, said: _shows(domain, oracle, samples, [domain.read(one.text, given=one.given) for one in said])
    if name.startswith((MORE, LESS)):
        attribute, way = domain.attributes[name[len(MORE) :]], 1.0 if name.startswith(MORE) else -1.0
        return lambda samples, said: way * attribute.read(oracle.read(samples)).float().to(samples.device)
    factor, _, value = name.partition("=")
    return lambda samples, said: _shows(domain, oracle, samples, [Said("", {factor: value})] * len(samples))


@torch.no_grad()
def _shows(domain: Domain, oracle: Oracle, samples: Tensor, asked: Sequence[Said]) -> Tensor:
    """[N] in [0, 1]: the probability of what is stated; of an oracle that has none, the share of it that is shown."""
    try:
        return domain.hands().reward(oracle, asked)(samples).exp().float()
    except ValueError:
        seen = oracle.read(samples).labels
    right = [
        [float(seen[name][i] == domain.factors[name].index(value)) for name, value in one.stated.items()] or [1.0]
        for i, one in enumerate(asked)
    ]
    return torch.tensor([sum(row) / len(row) for row in right], device=samples.device)
