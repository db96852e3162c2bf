"""What an edit costs other prompts, on samples of the same noise with it and without: paired figures with their intervals.

Intervals are multiplier bootstraps over samples from how much each of them moves a figure: by hand where that is a formula, by
leaving each out in turn (Tukey 1958; Efron & Stein 1981) for the Fréchet distance. See `Estimate.of_influence`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from studio.metrics.bootstrap import multipliers
from studio.metrics.frechet import frechet_of_moments, moments
from studio.metrics.interval import Estimate, Interval

ABOVE_ZERO = (0.0, math.inf)


def kept(before: Tensor, after: Tensor) -> Interval:
    """Share of right samples with the edit over the share without. before, after: bool [N], of the same noises."""
    a, b = after.double(), before.double()
    if not bool(before.any()):
        return Interval(None, n=len(b), note="no sample was right without the edit")
    ratio = a.mean() / b.mean()
    return _interval(float(ratio), (a - ratio * b) / b.mean())


def moved(before: Tensor, after: Tensor) -> Interval:
    """Mean distance of a sample's features [N, D] to those without the edit, over the mean distance of two different ones."""
    before, after = before.double(), after.double()
    if len(before) < 2:
        return Interval(None, n=len(before))
    far, each = (after - before).norm(dim=1), _to_others(before)
    apart = each.mean()
    if not float(apart) > 0:
        return Interval(None, n=len(before), note="the samples are all alike")
    ratio = far.mean() / apart
    return _interval(float(ratio), (far - far.mean() - 2 * ratio * (each - apart)) / apart)


def variety(features: Tensor, reference: Tensor) -> Interval:
    """Mean distance of two different samples' features [N, D], over that of the reference's, which is taken as it is."""
    if len(features) < 2 or len(reference) < 2:
        return Interval(None, n=len(features))
    each, whole = _to_others(features.double()), _to_others(reference.double()).mean()
    if not float(whole) > 0:
        return Interval(None, n=len(features), note="the reference's samples are all alike")
    return _interval(float(each.mean() / whole), 2 * (each - each.mean()) / whole)


def fd_ratio(before: Tensor, after: Tensor, world: Tensor) -> Interval:
    """Fréchet distance to the world with the edit over that without, of features [N, D]."""
    reference, n = moments(world), len(before)

    def ratio(rows: Tensor) -> float:
        without = frechet_of_moments(*reference, *moments(before[rows]))
        return frechet_of_moments(*reference, *moments(after[rows])) / without if without > 0 else math.nan

    everything = torch.arange(n)
    value = ratio(everything)
    influence = torch.tensor([(n - 1) * (value - ratio(everything[everything != i])) for i in range(n)], dtype=torch.float64)
    return _interval(value, influence)


def _to_others(features: Tensor) -> Tensor:
    """[N] mean distance of each row to the others."""
    return torch.cdist(features, features).sum(1) / (len(features) - 1)


def _interval(value: float, influence: Tensor) -> Interval:
    n = len(influence)
    return Estimate.of_influence(value, influence, multipliers(n), n, ABOVE_ZERO).interval()
