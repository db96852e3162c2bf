"""Bootstrap over images (Efron & Tibshirani 1993): rows are resampled, never pairs of rows.

Paired arms share their resamples: the indices are a function of (n, n_boot, seed, groups) alone, so the third draw of
the teacher and the third draw of the student hold the same seeds of the same prompts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from studio.core.rng import generator
from studio.metrics.interval import LEVEL, TOO_SMALL, Estimate, Interval

N_BOOT = 1000


def resample(n: int, n_boot: int = N_BOOT, seed: int = 0, groups: Any = None) -> Tensor:
    """Row indices [n_boot, n], int64, drawn with replacement; with `groups` [n] (one label a row) inside each group.

    Stratified rows keep their place: column i of a draw always holds a row of the group of row i.
    """
    g = generator(seed, "bootstrap")
    if groups is None:
        return torch.randint(max(n, 1), (n_boot, n), generator=g)
    labels = torch.as_tensor(groups).flatten()
    if len(labels) != n:
        raise ValueError(f"groups has {len(labels)} labels for {n} rows; give one label a row.")
    indices = torch.empty(n_boot, n, dtype=torch.int64)
    for label in sorted(set(labels.tolist())):  # sorted, so the order of rows does not matter to which draws a group gets
        members = (labels == label).nonzero().flatten()
        indices[:, members] = members[torch.randint(len(members), (n_boot, len(members)), generator=g)]
    return indices


def resample_counts(n: int, n_boot: int = N_BOOT, seed: int = 0, groups: Any = None) -> Tensor:
    """How often each row occurs in each resample, [n_boot, n] float64: the same draws as `resample`, as weights.

    Statistics that are linear or quadratic in the rows (class counts, pair distances, moments) become one matrix
    product.
    """
    indices = resample(n, n_boot, seed, groups)
    counts = torch.zeros(n_boot, n, dtype=torch.float64)
    return counts.scatter_add_(1, indices, torch.ones_like(indices, dtype=torch.float64))


def multipliers(n: int, n_boot: int = N_BOOT, seed: int = 0) -> Tensor:
    """Standard normal [n_boot, n] float64, a function of its arguments: arms of equal n and seed share them and are paired."""
    return torch.randn(n_boot, n, generator=generator(seed, "multipliers"), dtype=torch.float64)


def resample_weights(n: int, n_boot: int = N_BOOT, seed: int = 0, together: Tensor | None = None) -> tuple[Tensor, int]:
    """(share of each row in each resample, [n_boot, n] float64, whose rows sum to 1; of how many things it is resampled).

    together [n]: rows with the same label are resampled as one (a cluster bootstrap; Davison & Hinkley 1997, 3.8). Samples of
    several prompts that began from the same noise belong together: they say the same thing more than once.
    """
    if together is None:
        return resample_counts(n, n_boot, seed) / max(1, n), n
    labels, cluster = torch.unique(together, return_inverse=True)
    counts = resample_counts(len(labels), n_boot, seed)[:, cluster]
    return counts / counts.sum(1, keepdim=True), len(labels)


def estimate(
    statistic: Callable[..., Any],
    *arrays: Any,
    n_boot: int = N_BOOT,
    seed: int = 0,
    groups: Any = None,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """`statistic(*arrays)` -> number, with bootstrap draws from resampling the common first axis of all `arrays`."""
    if not arrays:
        raise ValueError("The bootstrap got no arrays; give at least one with the samples on its first axis.")
    tensors = [torch.as_tensor(a) for a in arrays]
    lengths = {len(t) for t in tensors}
    if len(lengths) != 1:
        raise ValueError(f"Arrays of {sorted(lengths)} rows cannot be resampled together; give as many rows in each.")
    n = lengths.pop()
    if n == 0:
        return Estimate.missing(0)
    value = float(statistic(*tensors))
    indices = resample(n, n_boot, seed, groups)
    draws = torch.tensor([float(statistic(*(t[i] for t in tensors))) for i in indices], dtype=torch.float64)
    return Estimate.centred(value, draws, n, bounds)


def bootstrap(
    statistic: Callable[..., Any],
    *arrays: Any,
    n_boot: int = N_BOOT,
    seed: int = 0,
    groups: Any = None,
    level: float = LEVEL,
) -> Interval:
    """Interval of `statistic(*arrays)` over images: percentiles of the draws, centred on the value (see `Estimate`).

    Args:
        statistic: function of the resampled arrays (tensors) that returns one number.
        arrays: tensors or numpy arrays with the samples on the first axis; all are resampled with the same rows.
        groups: optional [n] labels; rows are resampled inside their group (stratified).
    """
    if arrays and len(arrays[0]) == 0:
        return Interval(None, n=0, note=TOO_SMALL)
    return estimate(statistic, *arrays, n_boot=n_boot, seed=seed, groups=groups).interval(level)
