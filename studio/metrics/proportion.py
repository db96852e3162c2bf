"""Intervals for shares: accuracy, share in distribution, precision, recall."""

from __future__ import annotations

from statistics import NormalDist

from studio.metrics.interval import LEVEL, TOO_SMALL, Interval


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
