"""Intervals for shares: accuracy, share in distribution, precision, recall."""

from __future__ import annotations

from statistics import NormalDist

from studio.metrics.interval import LEVEL, TOO_SMALL, Estimate, Interval, tail


def wilson(successes: int, n: int, level: float = LEVEL) -> Interval:
    """Wilson score interval of a binomial share (Wilson 1927, J. Am. Stat. Assoc. 22; two-sided, no continuity term).

    successes in [0, n]; the result lies in [0, 1] and stays honest at 0 and 1, where the normal interval has no width.
    n = 0 gives an interval without a value.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} is impossible; successes must lie between 0 and n.")
    if not 0 < level < 1:
        raise ValueError(f"A level of {level} makes no interval; give one between 0 and 1, such as 0.95.")
    if n == 0:
        return Interval(None, n=0, note=TOO_SMALL)
    z2 = NormalDist().inv_cdf(0.5 + level / 2) ** 2
    p = successes / n
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = (z2 * p * (1 - p) / n + (z2 / (2 * n)) ** 2) ** 0.5 / (1 + z2 / n)
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(p, low, high, n)


def wilson_of(share: Estimate, level: float = LEVEL) -> Interval:
    """Wilson's interval of a share whose samples are not independent, such as those of several prompts.

    Its n is replaced by as many independent samples as would vary like the draws do, p (1 − p) / variance, at least as many
    as there are groups and never more than there are samples (Korn & Graubard 1998, Survey Methodology 24), and its normal
    quantile by Student's. All right or all wrong says nothing of how groups differ, so all samples count there.
    """
    if share.value is None or share.n == 0:
        return Interval(None, n=share.n, note=share.note or TOO_SMALL)
    p, finite = share.value, share.draws[share.draws.isfinite()]
    variance = float(finite.var()) if len(finite) > 1 else 0.0
    n = float(share.n)
    if 0 < p < 1 and variance > 0:
        n = min(n, max(p * (1 - p) / variance, float(min(share.independent, share.n))))
    t = NormalDist().inv_cdf(1 - tail(share.independent, level)) if n < share.n else NormalDist().inv_cdf(0.5 + level / 2)
    centre = (p + t * t / (2 * n)) / (1 + t * t / n)
    half = (t * t * p * (1 - p) / n + (t * t / (2 * n)) ** 2) ** 0.5 / (1 + t * t / n)
    return Interval(p, 0.0 if p == 0 else max(0.0, centre - half), 1.0 if p == 1 else min(1.0, centre + half), share.n)
