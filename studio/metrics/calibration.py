"""Which scale of a slider is strength 1, what it costs on the way, and which other factors move with it. JSON-ready."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from studio.core.files import Json
from studio.metrics.proportion import wilson
from studio.metrics.readings import Readings, labels_of
from studio.metrics.response import response

N_BOOT = 400


def summary(strengths: Sequence[float], amounts: Tensor, right: Tensor, inside: Tensor, seeds: Tensor) -> Json:
    """`response` of amounts [S, N] with what the pictures are like besides.

    right, inside: bool [S, N], whether a sample shows what its prompt states besides, and whether it passes the gate.
    seeds: int [N], the noise that each sample began from; those of one noise are resampled together.

    {"n", "points": [{"strength", "amount", "low", "high", "accuracy", "in_distribution"}], "slope": interval, "spearman",
    "even": [lowest, highest], "accuracy_change": of the worst strength of at most 1 against strength 0}
    """
    order = sorted(range(len(strengths)), key=lambda i: strengths[i])
    found = response(strengths, amounts, seeds=seeds, n_boot=N_BOOT)
    accuracy = [wilson(int(right[i].sum()), right.shape[1]).value or 0.0 for i in order]
    in_distribution = [wilson(int(inside[i].sum()), inside.shape[1]).value for i in order]
    points = [
        {"strength": s, "amount": mean.value, "low": mean.low, "high": mean.high, "accuracy": a, "in_distribution": d}
        for s, mean, a, d in zip(found.strengths, found.means, accuracy, in_distribution, strict=True)
    ]
    own = accuracy[found.strengths.index(0.0)]
    worst = min(a for s, a in zip(found.strengths, accuracy, strict=True) if abs(s) <= 1)
    return {"n": int(right.shape[1]), "points": points, "slope": found.slope.interval().to_dict(), "spearman": found.rho,
            "even": list(found.even), "accuracy_change": round(worst - own, 4)}  # fmt: skip


def shifts(low: Readings, high: Readings) -> dict[str, float]:
    """How far the frequencies of each factor's values are apart between two sets of samples, largest first.

    Total variation in [0, 1]: the share of samples that would have to change their label.
    """
    found = {}
    for name in low.labels:
        a, b = labels_of(low, name), labels_of(high, name)
        values = int(torch.cat([a, b]).max()) + 1
        p, q = (torch.bincount(v, minlength=values).double() / len(v) for v in (a, b))
        found[name] = round(float((p - q).abs().sum()) / 2, 4)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def calibrated(points: Sequence[tuple[float, float]], wanted: float) -> tuple[float, bool]:
    """(scale, whether it is reached) at which the amount rises by `wanted` from −scale to scale.

    points: (scale, mean amount), scales in pairs ±s. Between measured scales the rise is taken as linear. When it is never
    reached: the largest scale up to which the amount rises from point to point, 0 where it does not rise at all.
    """
    by = dict(points)
    last, risen = 0.0, 0.0
    for scale in sorted(s for s in by if s > 0):
        rise = by[scale] - by[-scale]
        inside = [by[s] for s in sorted(by) if abs(s) <= scale]
        if rise <= risen or any(b < a for a, b in zip(inside, inside[1:], strict=False)):
            return last, False
        if rise >= wanted:
            return last + (scale - last) * (wanted - risen) / (rise - risen), True
        last, risen = scale, rise
    return last, False
