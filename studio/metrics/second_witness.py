"""What a second reader says of a study's arms, and two columns that need no reader: is the effect there for other eyes too?

An oracle that was made for a world could flatter the models of that world. A network taught on other pictures knows nothing
of factors; its features say how far an arm is from the world's own samples (Fréchet distance), how far its samples are from
each other (spread) and how much of the world they reach (coverage). Of the oracle's labels comes the default-behaviour rate
(GRADE, arXiv 2410.22592), of features the share of seeds that can be told from what was drawn with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from studio.core.domain import Factor, Readings
from studio.core.files import Json
from studio.metrics import diversity as dv
from studio.metrics.bootstrap import N_BOOT, multipliers
from studio.metrics.frechet import frechet_distance
from studio.metrics.interval import Estimate, pool
from studio.metrics.judged import apart
from studio.metrics.readings import World, counted, labels_of
from studio.metrics.report import free_factors

DOMINATES = 0.8  # share of one value above which a factor behaves by default
NEIGHBOURS = 5  # of a reference sample; Naeem et al. choose 5
EXACT = "donot_use_mm_for_euclid_dist"


def default_behaviour(
    per_prompt: Mapping[str, Readings],
    stated: Mapping[str, Mapping[str, str]],
    factors: Mapping[str, Factor],
    worlds: Mapping[str, World] | None = None,
    n_boot: int = N_BOOT,
) -> Estimate:
    """Share of (prompt, free factor) in which one value has more than `DOMINATES` of the accepted samples; mean over prompts."""
    rows = []
    for prompt, seen in per_prompt.items():
        gate = counted(seen)
        n = int(gate.sum())
        names = free_factors(stated[prompt], factors, (worlds or {}).get(prompt)) if n else []
        tops = [dv.class_counts(labels_of(seen, f)[gate], len(factors[f].values)).max() / n > DOMINATES for f in names]
        if not tops:
            rows.append(Estimate.missing(n))
            continue
        share = float(torch.stack(tops).double().mean())
        rows.append(Estimate(share, torch.full((n_boot,), share, dtype=torch.float64), n, (0.0, 1.0)))
    return pool(rows)


def seed_identifiability(features: Sequence[Tensor], n_boot: int = N_BOOT) -> Estimate:
    """Share of samples whose seed is told by what *other* prompts drew with it; features [S, D] by prompt, the same seeds.

    Every prompt's mean and spread are taken out; a sample's seed is the one whose mean over the other prompts is nearest.
    Chance is 1 / S. The question of GAD (arXiv 2606.01651), asked without training a classifier. Missing below two prompts.
    """
    if len(features) < 2 or len(features[0]) < 2:
        return Estimate.missing(sum(len(x) for x in features), "seeds are told from other prompts, and there is one")
    x = torch.stack([torch.as_tensor(f).double().flatten(1) for f in features])  # [P, S, D]
    x = (x - x.mean(1, keepdim=True)) / x.std((1, 2), keepdim=True).clamp_min(1e-12)
    seeds = torch.arange(x.shape[1])
    drawn = multipliers(len(seeds), n_boot)
    rows = []
    for own, others in zip(x, (x.sum(0) - x) / (len(x) - 1), strict=True):
        right = (torch.cdist(own, others).argmin(1) == seeds).double()
        rows.append(Estimate.of_influence(float(right.mean()), right, drawn, len(seeds), (0.0, 1.0)))
    return pool(rows)


def spread(features: Sequence[Tensor], n_boot: int = N_BOOT) -> Estimate:
    """Mean distance of two samples of one prompt; features [S, D] by prompt."""
    return pool([apart(f, n_boot=n_boot) if len(f) > 2 else Estimate.missing(len(f)) for f in features])


def coverage(features: Sequence[Tensor], reference: Sequence[Tensor], k: int = NEIGHBOURS, n_boot: int = N_BOOT) -> Estimate:
    """Share of reference samples with a sample nearer than their k-th neighbour among the reference (Naeem et al. 2020, arXiv
    2002.09797, eq. 9); features and reference [S, D] by prompt. The reference against more of its own says what is possible."""
    rows = []
    for f, r in zip(features, reference, strict=True):
        x, y = (torch.as_tensor(t).double().flatten(1) for t in (f, r))
        if len(y) <= k or not len(x):
            rows.append(Estimate.missing(len(x)))
            continue
        radius = torch.cdist(y, y, compute_mode=EXACT).kthvalue(k + 1, dim=1).values  # itself is the first
        inside = (torch.cdist(y, x, compute_mode=EXACT).min(1).values < radius).double()
        rows.append(Estimate.of_influence(float(inside.mean()), inside, multipliers(len(y), n_boot), len(x), (0.0, 1.0)))
    return pool(rows)


def witnessed(features: Sequence[Tensor], reference: Sequence[Tensor]) -> Json:
    """Figures of one arm, JSON-ready: spread, coverage, seed identifiability with intervals, Fréchet distance with its n."""
    mine, theirs = torch.cat(list(features)), torch.cat(list(reference))
    return {
        "spread": spread(features).interval().to_dict(),
        "coverage": coverage(features, reference).interval().to_dict(),
        "seed_identifiability": seed_identifiability(features).interval().to_dict(),
        "fd": frechet_distance(mine, theirs) if min(len(mine), len(theirs)) > 1 else None,
        "fd_n": len(mine),
    }
