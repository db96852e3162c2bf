"""Quantiles with exact intervals from order statistics: right for numbers of steps, which are few and tied."""

from __future__ import annotations

import math
from typing import Any

import torch

from studio.metrics.interval import LEVEL, TOO_SMALL, Interval


def quantile(values: Any, q: float = 0.5, level: float = LEVEL) -> Interval:
    """The q-quantile of values [n] (the smallest value that at least q·n are at or below) with a distribution-free interval.

    Ends are order statistics whose ranks hold the true quantile with at least `level` (Conover 1999, section 3.2): the
    number of samples below it is binomial. Too few samples to reach the level give no interval.
    """
    if not 0 < q < 1:
        raise ValueError(f"A quantile at {q} does not fit; between 0 and 1, such as 0.5 for the median.")
    x = torch.as_tensor(values).double().flatten().sort().values
    n = len(x)
    if n == 0:
        return Interval(None, n=0, note=TOO_SMALL)
    value = float(x[max(math.ceil(q * n - 1e-9), 1) - 1])
    # count B ~ Bin(n, q): P(B < low) ≤ tail gives the lower rank, P(B ≥ high) ≤ tail the upper one
    tail, below, low, high = (1 - level) / 2, 0.0, 0, 0
    for k in range(n + 1):
        probability = math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + _log(q, k) + _log(1 - q, n - k))
        if below <= tail:
            low = k  # P(B < k) ≤ tail, so the k-th smallest lies above the quantile with at most that probability
        below += probability
        if below >= 1 - tail:
            high = k + 1
            break
    if low < 1 or not 1 <= high <= n:
        return Interval(value, n=n, note=f"{TOO_SMALL} for an interval")
    return Interval(value, float(x[low - 1]), float(x[high - 1]), n)


def _log(p: float, k: int) -> float:
    return k * math.log(p) if k else 0.0
