"""Figures of samples of several prompts, drawn from the same noise with something trained and without. In a worker."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from studio.core.domain import Domain, Oracle, Said, as_written
from studio.core.files import Json
from studio.metrics.bootstrap import multipliers
from studio.metrics.interval import MIN_GROUPS, Estimate, pool
from studio.workshop.held_out import summary


def figures_of_prompts(
    domain: Domain, oracle: Oracle | None, world: Tensor | None, images: Tensor, prompts: Sequence[Said]
) -> Json:
    """Accuracy, diversity and distance to the world, where an oracle reads. images: as many of each prompt, in their order.
    world: features of samples of the domain."""
    if oracle is None or world is None:
        return {"n": len(images), "accuracy": None, "diversity": None, "in_distribution": None, "fd_oracle": None}
    each, seen = len(images) // len(prompts), oracle.read(images)
    rows = [seen.rows(torch.arange(i * each, (i + 1) * each)) for i in range(len(prompts))]
    return summary(domain, rows, prompts, world)


def plain_prompts(domain: Domain) -> list[Said]:
    """Of data of which no world is known."""
    return as_written(domain, list(domain.defaults.shown) or ["a picture"])


def damage(row: Json) -> Json:
    """What a row says the other prompts lost: accuracy and FD after, over before; None where nobody reads."""
    before, after = row["before"], row["others"]
    kept = fd = None
    if before["accuracy"] and after["accuracy"] and before["accuracy"]["value"]:
        kept = after["accuracy"]["value"] / before["accuracy"]["value"]
    if before["fd_oracle"] and after["fd_oracle"]:
        fd = after["fd_oracle"] / before["fd_oracle"]
    return {"kept": kept, "fd": fd}


def apart(features: Tensor) -> float:
    """Mean distance of two different rows."""
    return float(torch.pdist(features.double()).mean()) if len(features) > 1 else 0.0


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


FREE, SHARE = (-float("inf"), float("inf")), (0.0, 1.0)  # what a mean can be


def mean_of(values: Tensor, bounds: tuple[float, float] = (0.0, float("inf"))) -> Json:
    """As an interval."""
    mean = values.double().mean()
    return Estimate.of_influence(float(mean), values - mean, multipliers(len(values)), len(values), bounds).interval().to_dict()


def over_prompts(values: Tensor, prompts: int, bounds: tuple[float, float] = FREE) -> Json:
    """Mean of values [prompts · each] as an interval in which prompts vary as well as the pictures of each."""
    parts = values.double().view(prompts, -1)
    each = parts.shape[1]
    if each < 2 or prompts < MIN_GROUPS:
        return mean_of(values, bounds)
    draws = [multipliers(each, seed=i) for i in range(prompts)]  # pictures of two prompts begin from noise of their own
    found = [
        Estimate.of_influence(float(row.mean()), row - row.mean(), of, each, bounds) for row, of in zip(parts, draws, strict=True)
    ]
    return pool(found).interval().to_dict()
