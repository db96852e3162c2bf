"""All measures of the arms of one prompt: fidelity beside every diversity figure, gated, paired across arms.

The lead number, `diversity`, is the mean normalised entropy H / ln K over the prompt's free factors, on samples in
distribution: 0 = every sample alike, 1 = all values equally frequent. The world's factors are unequal, so its own
figure, `world_diversity`, is what to read it against. Where an oracle tells the recognisable from the clean, diversity counts the
former and `in_distribution` the latter. Factors the prompt states, or that the world fixes under it, are
left out. Entropies are corrected for the bias of small samples by the jackknife (`diversity.entropy_of_counts`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from studio.core.domain import Factor
from studio.core.files import Json
from studio.metrics import diversity as dv
from studio.metrics.bootstrap import N_BOOT, multipliers, resample_counts
from studio.metrics.interval import TOO_SMALL, Estimate, Interval
from studio.metrics.measures import Sample, features, measured
from studio.metrics.proportion import wilson
from studio.metrics.readings import Readings, World, accepted, correct, counted, frequencies, known, labels_of
from studio.metrics.recovered_share import recovery, relative_cost

TEACHER = "teacher"  # the arm that measures may compare another with
MIN_FREE_ENTROPY = 0.02  # nats; below it the world fixes the factor, and nobody could lose its diversity


def free_factors(stated: Mapping[str, str], factors: Mapping[str, Factor], world: World | None = None) -> list[str]:
    """Names of the factors this prompt leaves open: not stated, and not fixed by the world under the prompt."""
    for name in stated:
        known(name, factors, "factor")
    names = [name for name in factors if name not in stated]
    return [n for n in names if dv.world_entropy(frequencies(factors[n], world)) >= MIN_FREE_ENTROPY]


def world_diversity(stated: Mapping[str, str], factors: Mapping[str, Factor], world: World | None = None) -> float | None:
    """The lead number of the world itself under this prompt: mean H / ln K of its free factors, known exactly."""
    rows = [frequencies(factors[name], world) for name in free_factors(stated, factors, world)]
    return sum(dv.world_entropy(p) / math.log(len(p)) for p in rows) / len(rows) if rows else None


def factor_estimate(labels: Tensor, n_classes: int, gate: Tensor, drawn: Tensor) -> Estimate:
    """H / ln K of one factor over the gated samples; labels [N], gate [N] bool, drawn [n_boot, N] multipliers."""
    n = int(gate.sum())
    if n < 2:
        return Estimate.missing(n)
    value = dv.entropy_of_counts(dv.class_counts(labels[gate], n_classes)) / math.log(n_classes)
    influence = dv.entropy_influence(labels, n_classes, gate) / math.log(n_classes)
    return Estimate.of_influence(float(value), influence, drawn, n, (0.0, 1.0))


def diversity_estimate(
    readings: Readings,
    stated: Mapping[str, str],
    factors: Mapping[str, Factor],
    *,
    world: World | None = None,
    gated: bool = True,
    n_boot: int = N_BOOT,
    seed: int = 0,
) -> Estimate:
    """The lead number of one arm of one prompt, with its draws; arms of equal N and `seed` are paired.

    `gated` False counts every sample, also those the oracle calls out of distribution.
    """
    gate = counted(readings)
    gate = gate if gated else torch.ones_like(gate)
    drawn = multipliers(len(gate), n_boot, seed)
    parts = [
        factor_estimate(labels_of(readings, name), len(factors[name].values), gate, drawn)
        for name in free_factors(stated, factors, world)
    ]
    n = int(gate.sum())
    if not parts or any(p.value is None for p in parts):
        return Estimate.missing(n, "the prompt leaves no factor free" if not parts else TOO_SMALL)
    value = sum(p.value for p in parts if p.value is not None) / len(parts)
    return Estimate(value, torch.stack([p.draws for p in parts]).mean(0), n, (0.0, 1.0))


def accuracy(readings: Readings, stated: Mapping[str, str], factors: Mapping[str, Factor]) -> Interval:
    """Share of samples, in distribution or not, that show every stated factor (Wilson)."""
    right = correct(readings, stated, factors)
    n = len(accepted(readings))
    if not right:
        return Interval(None, n=n, note="the prompt states no factor")
    return wilson(int(torch.stack(list(right.values())).all(0).sum()), n)


def measure(
    readings_by_arm: Mapping[str, Readings],
    stated: Mapping[str, str],
    factors: Mapping[str, Factor],
    reference_features: Any = None,
    *,
    world: World | None = None,
    value_factors: Mapping[str, str] | None = None,
    n_boot: int = N_BOOT,
    seed: int = 0,
) -> dict[str, Json]:
    """Every measure of every arm, JSON-ready: {arm: {measure: Interval.to_dict() | ...}}.

    Args:
        readings_by_arm: oracle readings, row i = the same seed in every arm; any N, even 0.
        stated: factor -> value, what the prompt says.
        factors: factor -> name, values, probabilities (the world's own frequencies).
        reference_features: [M, D] of world samples under the same prompt; without them FD-oracle, precision and recall
            are None.
        world: frequencies that differ under this prompt, e.g. {"stars": {"few": 0.7, "many": 0.3}} at night.
        value_factors: continuous value -> factor that states it ({"x": "position"}); same names need no entry. The
            spread of a value the prompt states is left out.

    Returns per arm: n, n_accepted, accuracy, accuracy_by_factor, in_distribution, diversity (accepted samples),
    diversity_all (all samples), world_diversity, free_factors, factors, spread, and every measure of `metrics.measures`.
    """
    reference = None
    if reference_features is not None:
        reference = torch.as_tensor(reference_features).detach().double().cpu().flatten(1)
    bandwidth = _bandwidth(readings_by_arm, reference)
    options: Json = {"world": world, "n_boot": n_boot, "seed": seed}
    out: dict[str, Json] = {}
    for arm, readings in readings_by_arm.items():
        gate = accepted(readings)
        right = correct(readings, stated, factors)
        alike = {name: other for name, other in readings_by_arm.items() if len(accepted(other)) == len(gate)}
        out[arm] = {
            "n": len(gate),
            "n_accepted": int(gate.sum()),
            "accuracy": accuracy(readings, stated, factors).to_dict(),
            "accuracy_by_factor": {f: wilson(int(ok.sum()), len(gate)).to_dict() for f, ok in right.items()},
            "in_distribution": wilson(int(gate.sum()), len(gate)).to_dict(),
            "diversity": diversity_estimate(readings, stated, factors, **options).interval().to_dict(),
            "diversity_all": diversity_estimate(readings, stated, factors, gated=False, **options).interval().to_dict(),
            "world_diversity": world_diversity(stated, factors, world),
            "free_factors": free_factors(stated, factors, world),
            "factors": _by_factor(readings, stated, factors, **options),
            "spread": _spread(readings, stated, value_factors or {}, n_boot, seed),
            **measured(Sample(readings, stated, factors, world, reference, alike.get(TEACHER), bandwidth, n_boot, seed)),
        }
    return out


def recoveries(
    readings_by_arm: Mapping[str, Readings],
    stated: Mapping[str, str],
    factors: Mapping[str, Factor],
    *,
    costs: Mapping[str, float] | None = None,
    labels: Mapping[str, str] | None = None,
    teacher: str = TEACHER,
    student: str = "student",
    arms: Sequence[str] | None = None,
    world: World | None = None,
    n_boot: int = N_BOOT,
    seed: int = 0,
) -> list[Json]:
    """One row an arm {"arm", "value", "low", "high", "holds", "sentence", "loss", "gain"}; no rows without both models.

    `costs`: NFE or seconds an image by arm, for "at 1.25× its cost"; `labels`: arm -> words of the sentence. `arms`:
    those to report, by default all but teacher and student (leave out other teachers).
    """
    if teacher not in readings_by_arm or student not in readings_by_arm:
        return []
    rows: list[Json] = []
    names = arms if arms is not None else [a for a in readings_by_arm if a not in (teacher, student)]
    for name in names:
        known(name, readings_by_arm, "arm")
        trio = [readings_by_arm[a] for a in (teacher, student, name)]
        sizes = [len(accepted(r)) for r in trio]
        if len(set(sizes)) > 1:
            note = f"Arms have {sizes[0]}, {sizes[1]} and {sizes[2]} samples; a share needs the same seeds in all three."
            rows.append({"arm": name, "value": None, "low": None, "high": None, "holds": "inconclusive", "sentence": note})
            continue
        d = [diversity_estimate(r, stated, factors, world=world, n_boot=n_boot, seed=seed) for r in trio]
        ratio = relative_cost(costs, name, student)
        fidelity = (accuracy(trio[1], stated, factors), accuracy(trio[2], stated, factors))
        label = (labels or {}).get(name, name)
        rows.append({"arm": name, **recovery(*d, cost_ratio=ratio, label=label, fidelity=fidelity).to_dict()})
    return rows


def _by_factor(
    readings: Readings,
    stated: Mapping[str, str],
    factors: Mapping[str, Factor],
    world: World | None,
    n_boot: int,
    seed: int,
) -> dict[str, Json]:
    """Of each free factor: entropy H / ln K beside the world's, effective number, total variation, counts."""
    gate = counted(readings)
    counts, n = resample_counts(len(gate), n_boot, seed) * gate, int(gate.sum())
    out: dict[str, Json] = {}
    for name in free_factors(stated, factors, world):
        p, labels = frequencies(factors[name], world), labels_of(readings, name)
        k, h_world = len(p), dv.world_entropy(p)
        seen, drawn = dv.class_counts(labels[gate], k), dv.class_counts(labels, k, counts)
        h, h_drawn = dv.entropy_of_counts(seen), dv.entropy_of_counts(drawn)
        tv, tv_drawn = dv.variation_of_counts(seen, p), dv.variation_of_counts(drawn, p)
        out[name] = {
            "entropy": _interval(float(h) / math.log(k), h_drawn / math.log(k), n, (0.0, 1.0)),
            "world": h_world / math.log(k),
            "effective": _interval(float(h.exp()), h_drawn.exp(), n, (1.0, float(k))),
            "world_effective": math.exp(h_world),
            "total_variation": _interval(float(tv), tv_drawn, n, (0.0, 1.0)),
            "values": list(factors[name].values),
            "counts": [int(c) for c in seen],
            "frequencies": p.tolist(),
        }
    return out


def _interval(value: float, draws: Tensor, n: int, bounds: tuple[float, float]) -> Json:
    e = Estimate.missing(n) if n < 2 else Estimate.centred(value, draws, n, bounds)
    return e.interval().to_dict()


def _spread(
    readings: Readings, stated: Mapping[str, str], value_factors: Mapping[str, str], n_boot: int, seed: int
) -> dict[str, Json]:
    """Standard deviation (n − 1) of each continuous value over accepted samples, in the value's own unit."""
    gate = counted(readings)
    counts, n = resample_counts(len(gate), n_boot, seed) * gate, int(gate.sum())
    out = {}
    for name, raw in readings.values.items():
        if value_factors.get(name, name) in stated:
            continue
        v = torch.as_tensor(raw).detach().double().cpu()
        v = torch.where(gate, v, torch.zeros_like(v))
        total = counts.sum(1)
        mean = counts @ v / total
        # around each draw's own mean; a draw of fewer than two accepted samples is nan and is not used
        square = (counts * (v[None, :] - mean[:, None]) ** 2).sum(1)
        draws = torch.where(total > 1, square / (total - 1).clamp_min(1), torch.full_like(total, math.nan)).sqrt()
        out[name] = _interval(float(v[gate].std()) if n > 1 else 0.0, draws, n, (0.0, math.inf))
    return out


def _bandwidth(readings_by_arm: Mapping[str, Readings], reference: Tensor | None) -> float | None:
    """One RBF width for all arms: the median distance of the reference, otherwise of all arms' samples together."""
    sets = [reference] if reference is not None else [features(r)[counted(r)] for r in readings_by_arm.values()]
    rows = [s[:512] for s in sets if len(s)]
    return dv.median_distance(dv.distances(torch.cat(rows))) or None if rows else None
