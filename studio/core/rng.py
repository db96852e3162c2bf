"""Noise as a function of (seed, step), so that arms share it and batching changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

INITIAL = -1  # the step index of x_T


def generator(seed: int, purpose: str, device: str | torch.device = "cpu") -> torch.Generator:
    """A generator of its own for one purpose ('data', 'time', 'noise', …): adding one never shifts another."""
    mixed = (seed * 0x9E3779B97F4A7C15 + sum(ord(c) * 131**i for i, c in enumerate(purpose))) % (2**63 - 1)
    return torch.Generator(device).manual_seed(mixed)


def randn(shape: Sequence[int], g: torch.Generator) -> Tensor:
    """Standard normal float32 on the generator's own device."""
    return torch.randn(tuple(shape), generator=g, device=g.device)


def rand(shape: Sequence[int], g: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
    """Uniform in [0, 1) on the generator's own device."""
    return torch.rand(tuple(shape), generator=g, device=g.device, dtype=dtype)


def randint(high: int, shape: Sequence[int], g: torch.Generator) -> Tensor:
    """Uniform integers in [0, high) on the generator's own device."""
    return torch.randint(high, tuple(shape), generator=g, device=g.device)


def noise(seeds: Sequence[int], step: int, shape: Sequence[int]) -> Tensor:
    """Standard normal noise [len(seeds), *shape], drawn on the CPU per (seed, step), float32.

    One generator per sample: batch size and order change nothing, and every arm that asks for the same (seed, step)
    gets the same draw. ``step = INITIAL`` is x_T.
    """
    rows = []
    for seed in seeds:
        g = torch.Generator().manual_seed((int(seed) * 1_000_003 + (step + 1) * 7_919) % (2**63 - 1))
        rows.append(torch.randn(tuple(shape), generator=g))
    return torch.stack(rows)
