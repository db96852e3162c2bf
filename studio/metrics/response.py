"""What a slider does to a model: its slope, over which range it is even, and what it disturbs besides.

Amounts of the intended attribute are read from the same seeds at every strength, so everything here is paired: resamples
take whole seeds with all their strengths and prompts. The slope is that of a straight line through the amounts at
strengths of `NEAR` and below (least squares, as any textbook has it); beyond that a slider may bend, and `even` says from
where.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.metrics.bootstrap import N_BOOT, resample_weights
from studio.metrics.interval import LEVEL, TOO_SMALL, Estimate, Interval, tail

NEAR = 1.0  # strengths that the slope is taken over
BEND = 0.25  # of the line's own rise at that strength: further off is no longer even
MONOTONE = 0.9  # Spearman's rho from which a response counts as monotone
UNNAMED = "nothing says what these samples show"  # without an oracle, say


@dataclass(frozen=True)
class Response:
    """strengths [S], ascending. means, one a strength, with intervals. slope: per unit of strength. rho: Spearman's, of the
    means over |s| <= `NEAR`. even: (lowest, highest) strength over which the means follow the line. The n of intervals counts
    seeds where seeds were given."""

    strengths: tuple[float, ...]
    means: tuple[Interval, ...]
    slope: Estimate
    rho: float | None
    even: tuple[float, float]

    @property
    def monotone(self) -> bool:
        return self.rho is not None and self.rho >= MONOTONE


def response(strengths: Sequence[float], amounts: Tensor, *, seeds: Tensor | None = None, n_boot: int = N_BOOT) -> Response:
    """Of amounts [S, N]: row i holds the same N samples at strengths[i]. seeds [N]: the noise that each began from; those
    of one noise are resampled together.

    ValueError when there is no strength 0, or fewer than three of at most `NEAR`.
    """
    s = torch.tensor([float(v) for v in strengths], dtype=torch.float64)
    if len(s) != len(amounts) or len(set(strengths)) < len(strengths):
        raise ValueError(f"{len(strengths)} strengths and {len(amounts)} rows of amounts do not fit; one row for each would")
    order = s.argsort()
    s, a = s[order], amounts.double()[order]
    near = s.abs() <= NEAR + 1e-9
    if 0.0 not in s.tolist() or int(near.sum()) < 3:
        raise ValueError(f"strengths {list(strengths)} do not fit; 0 and at least two more of at most {NEAR:g} would")
    shares, n = resample_weights(a.shape[1], n_boot, together=seeds)
    means, drawn = a.mean(1), shares @ a.T  # [S], [n_boot, S]
    line = s[near] - s[near].mean()
    weights = line / (line**2).sum()  # least squares slope = weights · means
    slope = Estimate.centred(float(means[near] @ weights), drawn[:, near] @ weights, n)
    if bool((a[near] == a[near][:1]).all()):  # nothing moves; rounding would leave a slope beside 0, and a share of it
        slope = Estimate(0.0, torch.zeros(n_boot, dtype=torch.float64), n)
    each = tuple(Estimate.centred(float(m), d, n).interval() for m, d in zip(means, drawn.T, strict=True))
    return Response(tuple(s.tolist()), each, slope, spearman(s[near], means[near]), _even(s, means, slope.value or 0.0))


def _even(s: Tensor, means: Tensor, slope: float) -> tuple[float, float]:
    """Outwards from 0, as long as the mean is within `BEND` of the rise that the line has there."""
    zero = int((s == 0).nonzero()[0])
    middle, ends = float(means[zero]), [0.0, 0.0]
    for side, way in ((0, range(zero - 1, -1, -1)), (1, range(zero + 1, len(s)))):
        for i in way:
            rise = slope * float(s[i])
            if abs(float(means[i]) - middle - rise) > BEND * abs(rise):
                break
            ends[side] = float(s[i])
    return ends[0], ends[1]


def spearman(x: Tensor, y: Tensor) -> float | None:
    """Spearman's rank correlation, equal values sharing their mean rank; None where one side does not vary."""
    a, b = _ranks(x), _ranks(y)
    a, b = a - a.mean(), b - b.mean()
    norm = float((a**2).sum() * (b**2).sum()) ** 0.5
    return float((a * b).sum()) / norm if norm > 0 else None


def _ranks(values: Tensor) -> Tensor:
    v = values.double()
    below = (v[None, :] < v[:, None]).sum(1)
    equal = (v[None, :] == v[:, None]).sum(1)
    return below.double() + (equal.double() + 1) / 2


def retention(target: Estimate, source: Estimate, level: float = LEVEL) -> Interval:
    """Slope on the target over the slope on the model a slider was trained on; 1 = all of it, below 0 = it turned round.

    Draws are paired where both were resampled alike (the same seeds of the same prompts). None where the source's own
    slope cannot be told from 0: a share of nothing means nothing.
    """
    n = min(target.n, source.n)
    own = source.interval(level)
    if target.value is None or source.value is None or own.includes(0.0) is not False:
        return Interval(None, n=n, note=target.note or source.note or "on its own model the slider does nothing measurable")
    value = target.value / source.value
    if len(target.draws) != len(source.draws):
        return Interval(value, n=n, note=f"{TOO_SMALL} for an interval")
    end = tail(n, level)
    draws = (target.draws / source.draws)[source.draws * source.value > 0]
    low, high = torch.quantile(draws, torch.tensor([end, 1 - end], dtype=torch.float64)).tolist()
    return Interval(value, min(low, value), max(high, value), n)


@dataclass(frozen=True)
class Drift:
    """What changes besides, between strength 0 and another, on the same seeds: share of the other factors' readings that
    are different, mean distance of features over the mean distance of two unrelated samples, share of samples whose
    identity factors all stay, share in distribution. Where samples have features and no labels, features alone are known."""

    others: Interval
    features: Interval
    kept: Interval
    in_distribution: Interval


def drift(
    before: Mapping[str, Tensor],
    after: Mapping[str, Tensor],
    features: tuple[Tensor, Tensor],
    inside: Tensor,
    *,
    intended: Sequence[str],
    identity: Sequence[str],
    seeds: Tensor | None = None,
) -> Drift:
    """before, after: class index [N] by factor. features: [N, D] each. inside: bool [N], of the later ones.

    intended: factors that the slider is to move. identity: factors that make a sample what it is. Without any factor in
    `before`, what is read of factors and the gate is missing.
    """
    if not before:
        unnamed = Interval(None, n=len(features[0]), note=UNNAMED)
        return Drift(unnamed, _moved(features, seeds), unnamed, unnamed)
    others = [name for name in before if name not in intended]
    who = [name for name in identity if name not in intended]
    if not others or not who:
        raise ValueError("nothing is left to disturb: the slider is said to move every factor")
    changed = torch.stack([(before[name] != after[name]).double() for name in others], 1).mean(1)
    same = torch.stack([before[name] == after[name] for name in who], 1).all(1).double()
    shares = [_mean(values, seeds, 1.0) for values in (changed, same, inside.double())]
    return Drift(shares[0], _moved(features, seeds), *shares[1:])


def _moved(features: tuple[Tensor, Tensor], seeds: Tensor | None) -> Interval:
    """Mean distance of features [N, D] over the mean distance of two unrelated samples."""
    apart = float(torch.pdist(features[0].double()).mean()) or 1.0
    return _mean((features[0].double() - features[1].double()).norm(dim=1) / apart, seeds, float("inf"))


def _mean(values: Tensor, seeds: Tensor | None, most: float) -> Interval:
    shares, n = resample_weights(len(values), together=seeds)
    return Estimate.centred(float(values.mean()), shares @ values, n, (0.0, most)).interval()


def change(before: Tensor, after: Tensor, *, seeds: Tensor | None = None, n_boot: int = N_BOOT) -> Interval:
    """Relative change of a mean score from before to after, [N] each of the same samples; 0.2 = a fifth more.

    The measure of Gandikota & Bau (arXiv 2503.10637, table 1), who print it in per cent of the CLIP score. Missing where
    the score before is not surely above 0: a share of nothing means nothing.
    """
    shares, n = resample_weights(len(before), n_boot, together=seeds)
    drawn = [shares @ values.double() for values in (before, after)]
    still = Estimate.centred(float(before.double().mean()), drawn[0], n).interval()
    if still.value is None or still.value <= 0 or (still.low is not None and still.low <= 0):
        return Interval(None, n=n, note="the score without the adapter is not above 0")
    value = float(after.double().mean()) / still.value - 1
    return Estimate.centred(value, drawn[1] / drawn[0] - 1, n).interval()
