"""Noise as a function of (seed, step), so that arms share it and batching changes nothing.

Draws of a training run have the batch as their first axis; a draw without axes, shape (), is one for the whole batch.
When several processes divide a batch, each makes the draws of all of it and keeps its own rows, so that the same samples
are learnt from whatever their number (`Share`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

INITIAL = -1  # the step index of x_T


@dataclass(frozen=True)
class Share:
    """Which part of every batch is this process's: part ``rank`` of ``world`` equal ones."""

    rank: int = 0
    world: int = 1


WHOLE = Share()


class SharedGenerator(torch.Generator):
    """A generator that draws for a whole batch, of which one share is used here."""

    share: Share


def generator(seed: int, purpose: str, device: str | torch.device = "cpu", share: Share = WHOLE) -> torch.Generator:
    """A generator of its own for one purpose ('data', 'time', 'noise', …): adding one never shifts another."""
    mixed = (seed * 0x9E3779B97F4A7C15 + sum(ord(c) * 131**i for i, c in enumerate(purpose))) % (2**63 - 1)
    if share.world == 1:
        return torch.Generator(device).manual_seed(mixed)
    g = SharedGenerator(device)
    g.share = share
    g.manual_seed(mixed)
    return g


def randn(shape: Sequence[int], g: torch.Generator) -> Tensor:
    """Standard normal float32 on the generator's own device."""
    return _rows(lambda whole: torch.randn(whole, generator=g, device=g.device), shape, g)


def rand(shape: Sequence[int], g: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
    """Uniform in [0, 1) on the generator's own device."""
    return _rows(lambda whole: torch.rand(whole, generator=g, device=g.device, dtype=dtype), shape, g)


def randint(high: int, shape: Sequence[int], g: torch.Generator) -> Tensor:
    """Uniform integers in [0, high) on the generator's own device."""
    return _rows(lambda whole: torch.randint(high, whole, generator=g, device=g.device), shape, g)


def _rows(draw: Callable[[tuple[int, ...]], Tensor], shape: Sequence[int], g: torch.Generator) -> Tensor:
    """A draw of ``shape``: its own, or this process's rows of the draw that all of them make."""
    if not isinstance(g, SharedGenerator) or not len(shape):
        return draw(tuple(shape))
    n, share = shape[0], g.share
    return draw((n * share.world, *shape[1:]))[n * share.rank : n * (share.rank + 1)]


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
