"""Noise onto what a domain's samples can be (`core.domain.Hands.project`): for sampling by what is asked for, for teaching by
conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Domain, Said, beside
from studio.core.rng import randn

Project = Callable[[Tensor], Tensor]
Noise = Callable[[Cond, torch.Generator], Tensor]  # `core.material.Material.noise`


def projection(domain: Domain) -> Callable[[Tensor, Cond], Tensor]:
    """(x, the inputs beside the text) -> x; where no world is known, anything can be."""
    return domain.hands().project if domain.has_world else lambda x, given: x


def projected(domain: Domain, said: Sequence[Said]) -> Project:
    """Of [B, *shape of a latent sample]; said: one for all, or one each."""
    onto, given = projection(domain), beside(said)
    return lambda x: onto(x, {name: value.to(x.device) for name, value in given.items()})


def noise_of(domain: Domain, shape: Sequence[int]) -> Noise:
    """Standard normal [B, *shape] for the rows of a condition, projected."""
    onto = projection(domain)
    return lambda cond, g: onto(randn((len(next(iter(cond.values()))), *shape), g), cond)
