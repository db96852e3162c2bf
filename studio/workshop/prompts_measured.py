"""Figures of samples of several prompts, drawn from the same noise with something trained and without. In a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.core.domain import Domain, Oracle, OracleReadings, Said, as_written
from studio.core.files import Json
from studio.metrics import cost_of_edit
from studio.metrics.bootstrap import multipliers
from studio.metrics.interval import MIN_GROUPS, Estimate, pool
from studio.metrics.readings import correct
from studio.workshop.held_out import summary
from studio.workshop.judge import Judge


@dataclass(frozen=True)
class SamplesRead:
    """Samples of prompts as they were read. features: [N, D]. right: bool [N], None where nobody reads. figures: accuracy,
    diversity and distance to the world, likewise."""

    features: Tensor
    right: Tensor | None
    figures: Json


def read_prompts(
    domain: Domain, oracle: Oracle | None, judge: Judge, world: Tensor | None, images: Tensor, prompts: Sequence[Said]
) -> SamplesRead:
    """images: as many of each prompt, in their order. judge: reads where no oracle does. world: features of samples of the
    domain."""
    if oracle is None or world is None:
        unread = {"n": len(images), "accuracy": None, "diversity": None, "in_distribution": None, "fd_oracle": None}
        return SamplesRead((oracle or judge).read(images).features, None, unread)
    each, seen = len(images) // len(prompts), oracle.read(images)
    rows = [seen.rows(torch.arange(i * each, (i + 1) * each)) for i in range(len(prompts))]
    said = [prompt for prompt in prompts for _ in range(each)]
    return SamplesRead(seen.features, right(domain, seen, said), summary(domain, rows, prompts, world))


def plain_prompts(domain: Domain) -> list[Said]:
    """Of data of which no world is known."""
    return as_written(domain, list(domain.defaults.shown) or ["a picture"])


def right(domain: Domain, seen: OracleReadings, said: Sequence[Said], known: Sequence[str] = ()) -> Tensor:
    """bool [N]: whether a sample shows all that its prompt states. known: words that state nothing."""
    found = []
    for i, line in enumerate(said):
        shown = correct(seen.rows(torch.tensor([i])), domain.read(line.text, known).stated, domain.factors)
        found.append(all(bool(hit[0]) for hit in shown.values()))
    return torch.tensor(found)


def paired(before: SamplesRead, after: SamplesRead, world: Tensor | None) -> Json:
    """What became of samples of the same noises. others, before: their figures. moved: how far they went, over how far different
    ones are apart. damage: kept, the share that is right over what it was, and fd, their Fréchet distance to the world over what
    it was; None where nobody reads."""
    kept = fd = None
    if before.right is not None and after.right is not None:
        kept = cost_of_edit.kept(before.right, after.right).to_dict()
    if world is not None and before.figures["fd_oracle"] and after.figures["fd_oracle"]:
        fd = cost_of_edit.fd_ratio(before.features, after.features, world).to_dict()
    moved = cost_of_edit.moved(before.features, after.features).to_dict()
    return {"others": after.figures, "before": before.figures, "moved": moved, "damage": {"kept": kept, "fd": fd}}


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
