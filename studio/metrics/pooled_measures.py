"""Measures with a title, of every arm over the prompts of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import torch

from studio.core.domain import Factor, Readings
from studio.core.files import Json
from studio.core.rng import generator
from studio.metrics.bootstrap import N_BOOT
from studio.metrics.interval import LEVEL, MIN_GROUPS, TOO_SMALL, Estimate, Interval, pool
from studio.metrics.measures import Measure, Sample, in_order
from studio.metrics.readings import World


def pooled_measures(
    per_prompt: Mapping[str, Mapping[str, Readings]],
    stated: Mapping[str, Mapping[str, str]],
    factors: Mapping[str, Factor],
    worlds: Mapping[str, World],
    teacher: str = "teacher",
) -> dict[str, Json]:
    """{arm: {measure: JSON-ready}} of per_prompt[prompt][arm]; nothing where no measure has a title.

    A study draws no samples of the world, so measures that need them have a note in place of a value.
    """
    shown = in_order(titled=True)
    out: dict[str, Json] = {}
    for arm in next(iter(per_prompt.values())) if shown else ():
        samples = [
            Sample(readings[arm], stated[prompt], factors, worlds.get(prompt), teacher=readings.get(teacher))
            for prompt, readings in per_prompt.items()
        ]
        out[arm] = {one.name: one.said(_over_prompts(one, samples)) for one in shown}
    return out


def _over_prompts(one: Measure, samples: Sequence[Sample]) -> Interval:
    """Its mean over prompts. With `MIN_GROUPS` prompts or more the interval is about prompts in general."""
    found = [value if isinstance(value := one.of(sample), Interval) else Interval(value) for sample in samples]
    if len(found) == 1:
        return found[0]
    kept = [interval for interval in found if interval.value is not None]
    if kept and len(kept) < MIN_GROUPS and not all(interval.known for interval in kept):
        n = sum(interval.n for interval in kept)
        return Interval(sum(interval.value or 0.0 for interval in kept) / len(kept), n=n, note=f"{TOO_SMALL} for an interval")
    return pool([_estimate(interval, (0.0, 1.0) if one.percent else None) for interval in found]).interval()


def _estimate(found: Interval, bounds: tuple[float, float] | None) -> Estimate:
    """Normal draws as wide as an interval, the same in every prompt: seeds are shared, and together is the widest they can go."""
    if found.value is None:
        return Estimate.missing(found.n, found.note)
    normal = torch.randn(N_BOOT, generator=generator(0, "intervals"), dtype=torch.float64)
    reach = (found.high - found.low) / 2 if found.low is not None and found.high is not None else 0.0
    draws = found.value + normal * reach / NormalDist().inv_cdf(0.5 + LEVEL / 2)
    return Estimate(found.value, draws, found.n, bounds) if bounds else Estimate(found.value, draws, found.n)
