"""Figures of a model on held-out prompts: accuracy, diversity, distance to the world. Worker side: imports torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from studio.core.domain import Said
from studio.core.files import Json, atomic_write, read_json
from studio.sampling.plan import Plan

if TYPE_CHECKING:
    from studio.core.domain import Domain, Keep, Oracle, OracleReadings

MEASURE_SEEDS = 8  # samples a prompt when measuring
PROMPTS_SEED = 424_242  # scenes behind the prompts that are measured; no training draws them
WORLD_SEED, WORLD_RENDERS = 777_001, 1024  # samples of the world that FD-oracle compares with
N_BOOT = 200


def measured_prompts(domain: Domain, samples: int) -> list[Said]:
    """Random partial captions, and what stands beside them, of things that no training draws, one for every `MEASURE_SEEDS`
    samples."""
    import numpy as np

    hands, rng = domain.hands(), np.random.default_rng(PROMPTS_SEED)
    items = hands.items(max(1, samples // MEASURE_SEEDS), PROMPTS_SEED)
    return [Said(hands.caption(item, rng), given=hands.given(item)) for item in items]


def reference(oracle: Oracle, domain: Domain, keep: Keep) -> Tensor:
    """Oracle features [WORLD_RENDERS, D] of samples of the whole world."""

    def make() -> Tensor:
        hands = domain.hands()
        return oracle.read(hands.samples(hands.items(WORLD_RENDERS, WORLD_SEED), oracle.shape)).features

    found: Tensor = keep(f"reference:{domain.name}:{oracle.shape}", make, 4 * WORLD_RENDERS * 128)
    return found


class Draws(Protocol):
    """What figures are made with."""

    @property
    def oracle(self) -> Oracle: ...
    @property
    def domain(self) -> Domain: ...

    def draw(self, plan: Plan, said: Sequence[Said], seeds: Sequence[int]) -> Tensor:
        """Samples [N, *shape]; what is said i-th goes with seed i."""

    def decode(self, samples: Tensor, said: Sequence[Said]) -> Tensor:
        """[N, *shape] -> what the oracle reads."""

    def between(self) -> None:
        """After every prompt: others may have the device."""


def figures(draws: Draws, plan: Plan, samples: int, world: Tensor) -> Json:
    """Accuracy, diversity and FD-oracle of `samples` pictures, JSON-ready; see `summary`."""
    prompts, seeds = measured_prompts(draws.domain, samples), list(range(500, 500 + MEASURE_SEEDS))
    readings = []
    for prompt in prompts:
        said = [prompt] * len(seeds)
        readings.append(draws.oracle.read(draws.decode(draws.draw(plan, said, seeds), said)))
        draws.between()
    return {"nfe": plan.nfe, **summary(draws.domain, readings, prompts, world)}


def summary(domain: Domain, readings: Sequence[OracleReadings], prompts: Sequence[Said], world: Tensor) -> Json:
    """accuracy (all stated factors right, over all samples), diversity (mean over prompts of H / ln K of what a prompt
    leaves open, samples in distribution) beside the world's own, in_distribution, fd_oracle with its n."""
    from studio.metrics import report
    from studio.metrics.frechet import LEAST, frechet_distance
    from studio.metrics.interval import pool
    from studio.metrics.proportion import wilson
    from studio.metrics.readings import accepted, correct

    right, inside, estimates, worlds = [], [], [], []
    for seen, prompt in zip(readings, prompts, strict=True):
        stated = domain.read(prompt.text).stated
        shown = correct(seen, stated, domain.factors)
        n = len(seen)
        right.append(torch.stack(list(shown.values())).all(0) if shown else torch.ones(n, dtype=torch.bool))
        inside.append(accepted(seen))
        differ = domain.world(stated)
        estimates.append(report.diversity_estimate(seen, stated, domain.factors, world=differ, n_boot=N_BOOT))
        worlds.append(report.world_diversity(stated, domain.factors, world=differ))
    ok, accepted_all = torch.cat(right), torch.cat(inside)
    known_worlds = [value for value in worlds if value is not None]
    features = torch.cat([seen.features for seen in readings])
    enough = min(len(ok), len(world)) >= LEAST and bool(features.isfinite().all())
    return {
        "n": len(ok),
        "accuracy": wilson(int(ok.sum()), len(ok)).to_dict(),
        "in_distribution": wilson(int(accepted_all.sum()), len(ok)).to_dict(),
        "diversity": pool(estimates).interval().to_dict(),
        "world_diversity": sum(known_worlds) / len(known_worlds) if known_worlds else None,
        "fd_oracle": round(frechet_distance(features, world), 4) if enough else None,
    }


def kept_figures(file: Path, make: Callable[[], Mapping[str, object]]) -> Json:
    """Figures that depend on nothing but what the file's name says, measured once."""
    kept = read_json(file)
    if kept is None:
        kept = dict(make())
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, json.dumps(kept), durable=False)
    return kept
