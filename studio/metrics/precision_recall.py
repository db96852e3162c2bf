"""Improved precision and recall (Kynkäänniemi et al. 2019, arXiv 1904.06991, eqs. 1–3) by k-nearest-neighbour balls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from studio.metrics.interval import Interval
from studio.metrics.proportion import wilson

K_NEAREST = 3


@dataclass(frozen=True)
class PrecisionRecall:
    """precision: share of samples inside the reference manifold; recall: share of the reference inside the samples'.

    The intervals are Wilson's and treat the manifolds as given: uncertainty of the balls themselves is not in them.
    """

    precision: Interval
    recall: Interval


def precision_recall(samples: Any, reference: Any, k: int = K_NEAREST) -> PrecisionRecall:
    """Precision and recall of features `samples` [n, ...] against `reference` [m, ...].

    The paper compares sets of equal size; with unequal ones the larger set's balls are smaller. Both need more than k
    rows.
    """
    x = torch.as_tensor(samples).detach().double().cpu().flatten(1)
    y = torch.as_tensor(reference).detach().double().cpu().flatten(1)
    if k < 1:
        raise ValueError(f"k = {k} neighbours make no ball; k = {K_NEAREST} is usual.")
    if min(len(x), len(y)) <= k:
        raise ValueError(f"{len(x)} samples and {len(y)} reference rows are too few for k = {k}; give more than k of each.")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"Features of width {x.shape[1]} and {y.shape[1]} cannot be compared; give the same width.")
    return PrecisionRecall(_covered(x, y, k), _covered(y, x, k))


def _covered(points: Tensor, manifold: Tensor, k: int) -> Interval:
    """Share of `points` that lie in the ball of some row of `manifold`, radius = distance to its k-th neighbour."""
    exact = "donot_use_mm_for_euclid_dist"
    radii = torch.cdist(manifold, manifold, compute_mode=exact).kthvalue(k + 1, dim=1).values  # itself is the first
    inside = (torch.cdist(points, manifold, compute_mode=exact) <= radii).any(1)
    return wilson(int(inside.sum()), len(points))
