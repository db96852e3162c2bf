"""Two candidates on the same prompts and noises: how far apart they are, where prompts vary as well as samples.

Values are [P, S]: P prompts, S samples of each, the same seeds everywhere; NaN where a prompt asks nothing of the kind.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from studio.core.files import Json
from studio.metrics.bootstrap import multipliers
from studio.metrics.interval import Estimate, Interval, pool
from studio.metrics.proportion import wilson

SHARE, APART = (0.0, 1.0), (-1.0, 1.0)  # what a mean of scores and a difference of two can be


def mean(values: Tensor, bounds: tuple[float, float] = SHARE) -> Interval:
    """Over prompts and seeds; seeds are resampled as wholes, as all prompts begin from the same noise."""
    kept = values[~values.isnan().any(1)].double()
    if not len(kept):
        return Interval(None, n=0, note="no prompt asks for it")
    if bounds == SHARE and (bool((kept == 0).all()) or bool((kept == 1).all())):
        return wilson(int(kept.sum()), kept.numel())  # nothing varies, which does not mean that nothing could
    drawn, each = multipliers(kept.shape[1]), kept.shape[1]
    if each < 2:  # prompts alone vary
        row = kept[:, 0]
        return Estimate.of_influence(float(row.mean()), row - row.mean(), multipliers(len(row)), len(row), bounds).interval()
    rows = [Estimate.of_influence(float(row.mean()), row - row.mean(), drawn, each, bounds) for row in kept]
    return pool(rows).interval()


def difference(a: Tensor, b: Tensor) -> Interval:
    """Mean of a − b, of two candidates on the same prompts and seeds."""
    return mean(a - b, APART)


def split(a: Tensor, b: Tensor) -> Json:
    """How often a is above b, below it, and neither."""
    kept = ~(a.isnan() | b.isnan())
    gap = (a - b)[kept]
    better, worse = int((gap > 0).sum()), int((gap < 0).sum())
    return {"better": better, "worse": worse, "same": int(kept.sum()) - better - worse}


def sign_test(a: Tensor, b: Tensor) -> Json:
    """The same with the probability of as uneven a split by chance, exact and two-sided. Of independent things: prompts, not
    samples of one prompt."""
    found = split(a, b)
    n = found["better"] + found["worse"]
    tail = sum(math.comb(n, k) for k in range(min(found["better"], found["worse"]) + 1)) / 2**n if n else 1.0
    return {**found, "p": min(1.0, 2 * tail)}


def by_sample(scores: list[list[float]], prompts: int) -> Tensor:
    """Mean of each sample's scores, [prompts, samples of each]; NaN where it has none."""
    rows = [sum(row) / len(row) if row else math.nan for row in scores]
    return torch.tensor(rows, dtype=torch.float64).view(prompts, -1)
