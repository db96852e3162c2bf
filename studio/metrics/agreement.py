"""How far scores agree with a truth that is known: the order they put things in, and errors that they flag.

Spearman's rho (1904, American Journal of Psychology 15) and Kendall's tau-b (1945, Biometrika 33), both with ties, and precision
and recall of flags. Scores of one and the same thing belong together and are resampled as one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.core.files import Json
from studio.metrics.bootstrap import N_BOOT, resample_weights
from studio.metrics.interval import Estimate, Interval
from studio.metrics.proportion import wilson

MOST = 4000  # pairs of rows are compared all at once, so that many make 16 million


@dataclass(frozen=True)
class Caught:
    """Of what was wrong and what was flagged. precision: of flags, the share that was wrong; recall: of what was wrong, the
    share that was flagged; false_alarms: of what was right, the share that was flagged."""

    precision: Interval
    recall: Interval
    false_alarms: Interval

    def to_dict(self) -> Json:
        return {name: getattr(self, name).to_dict() for name in ("precision", "recall", "false_alarms")}


def spearman(scores: Tensor, truth: Tensor, *, together: Tensor | None = None, seed: int = 0, n_boot: int = N_BOOT) -> Estimate:
    """Correlation in [−1, 1] of the ranks of two rows [N]; equal values share the mean of their ranks. Missing where either row
    has one value alone. together [N]: labels of what is resampled as one."""
    return _estimate(_rho, scores, truth, together, seed, n_boot)


def kendall(scores: Tensor, truth: Tensor, *, together: Tensor | None = None, seed: int = 0, n_boot: int = N_BOOT) -> Estimate:
    """Tau-b in [−1, 1]: pairs in the same order minus pairs in opposite order, over the geometric mean of the pairs that are not
    tied in each row. As `spearman` besides."""
    return _estimate(_tau, scores, truth, together, seed, n_boot)


def caught(flagged: Tensor, wrong: Tensor) -> Caught:
    """Of bool [N] each, with Wilson's intervals."""
    if flagged.shape != wrong.shape or flagged.ndim != 1:
        raise ValueError(f"{list(flagged.shape)} flags do not fit {list(wrong.shape)} truths; as many of each, in a row, would.")
    flagged, wrong = flagged.bool(), wrong.bool()
    both, false = int((flagged & wrong).sum()), int((flagged & ~wrong).sum())
    return Caught(wilson(both, both + false), wilson(both, int(wrong.sum())), wilson(false, int((~wrong).sum())))


def _estimate(statistic: object, scores: Tensor, truth: Tensor, together: Tensor | None, seed: int, n_boot: int) -> Estimate:
    if scores.shape != truth.shape or scores.ndim != 1:
        raise ValueError(f"{list(scores.shape)} scores do not fit {list(truth.shape)} truths; as many of each, in a row, would.")
    if not (scores.isfinite().all() and truth.isfinite().all()):
        raise ValueError("Scores or truths are not finite, so they have no order; finite numbers would fit.")
    n = len(scores)
    if n > MOST:
        raise ValueError(f"{n:,} scores are too many to compare each with each; up to {MOST:,} would fit.")
    if n < 2:
        return Estimate.missing(n)
    assert callable(statistic)
    signs = [(row.double()[:, None] - row.double()[None]).sign() for row in (scores, truth)]
    weights, units = resample_weights(n, n_boot, seed, together)
    value = float(statistic(*signs, torch.full((1, n), 1 / n, dtype=torch.float64)))
    if not math.isfinite(value):
        return Estimate.missing(n, "one of the two has one value alone")
    found = Estimate.centred(value, statistic(*signs, weights), n, (-1.0, 1.0))
    return Estimate(found.value, found.draws, n, found.bounds, found.note, units)


def _rho(a: Tensor, b: Tensor, weights: Tensor) -> Tensor:
    """[M] of signs of differences [N, N] (row minus column) and the share of every row in M resamples [M, N]. A rank is how much
    lies below, and half of what is equal."""
    x, y = (weights @ sign.T for sign in (a, b))  # twice the ranks, up to a constant
    x, y = (ranks - (weights * ranks).sum(1, keepdim=True) for ranks in (x, y))
    return (weights * x * y).sum(1) / ((weights * x * x).sum(1) * (weights * y * y).sum(1)).sqrt()


def _tau(a: Tensor, b: Tensor, weights: Tensor) -> Tensor:
    """As `_rho`: every pair counts as often as both of it were drawn."""
    order, untied_a, untied_b = ((weights @ pairs * weights).sum(1) for pairs in (a * b, a * a, b * b))
    return order / (untied_a * untied_b).sqrt()
