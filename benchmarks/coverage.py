"""How often 95 % intervals hold the truth, in simulated studies whose truth is known.

    python -m benchmarks.coverage [--runs 400]

A study is prompts × seeds of three arms. Every free factor of Pocket World has frequencies that each prompt moves and each arm
sharpens, so that a student is less diverse than its teacher and the hybrid stands between; noise is shared between prompts
(initial noise) and between arms, and the gate turns some samples away. The intervals are those of `metrics.study.pooled_arms`
and `metrics.recovered_share.recovery`, as studies use them. The rows of `docs/intervals.md` are what this prints.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from studio.domains.pocket.scene import FACTORS
from studio.metrics.recovered_share import recovery
from studio.metrics.study import pooled_arms

SHARP = {"teacher": 1.1, "hybrid": 1.85, "student": 2.6}  # exponents of the world's frequencies: how mode-seeking an arm is
ACCEPTED = {"teacher": 0.94, "hybrid": 0.945, "student": 0.98}
STATED = {"subject": "house"}
Logits = dict[str, list[Tensor]]  # arm -> [prompts, values] of every free factor
FREE = [f for name, f in FACTORS.items() if name not in ("subject", "stars")]


@dataclass
class Simulated:
    """Readings of one arm of one prompt."""

    labels: dict[str, Tensor]
    in_distribution: Tensor
    values: dict[str, Tensor] = field(default_factory=dict)
    features: Tensor = field(default_factory=lambda: torch.zeros(0))


def population(prompts: int, g: torch.Generator, spread: float = 0.5) -> Logits:
    """Logits [P, K] of every free factor in every arm: the world's, moved by each prompt, sharpened by the arm."""
    moved = [torch.randn(prompts, len(f.values), generator=g, dtype=torch.float64) * spread for f in FREE]
    world = [0.8 * torch.tensor(f.probabilities, dtype=torch.float64).log() for f in FREE]
    return {arm: [k * (w + m) for w, m in zip(world, moved, strict=True)] for arm, k in SHARP.items()}


def true_diversity(logits: Sequence[Tensor]) -> float:
    """Mean over prompts and factors of H / ln K, exactly."""
    rows = [torch.distributions.Categorical(logits=x).entropy() / math.log(x.shape[1]) for x in logits]
    return float(torch.stack(rows).mean())


def study(
    logits: Logits, prompts: int, seeds: int, g: torch.Generator, of_seed: float, of_arm: float
) -> dict[str, dict[str, Simulated]]:
    """Readings by prompt and arm. Gumbel-max with normal copulas: a share of the noise is the seed's in every prompt
    (`of_seed`), of the rest a share is the same in every arm (`of_arm`), as initial noise is."""
    normal = torch.distributions.Normal(0.0, 1.0)
    read: dict[str, dict[str, Simulated]] = {f"prompt {p}": {} for p in range(prompts)}
    noise = [
        (torch.randn(seeds, 1, len(f.values), generator=g), torch.randn(seeds, prompts, len(f.values), generator=g)) for f in FREE
    ]
    for arm in SHARP:
        labels = {
            "subject": torch.zeros(seeds, prompts, dtype=torch.int64),
            "stars": torch.zeros(seeds, prompts, dtype=torch.int64),
        }
        for f, (shared, own), x in zip(FREE, noise, logits[arm], strict=True):
            alone = torch.randn(own.shape, generator=g)
            z = of_seed**0.5 * shared + (1 - of_seed) ** 0.5 * (of_arm**0.5 * own + (1 - of_arm) ** 0.5 * alone)
            u = normal.cdf(z).double().clamp(1e-12, 1 - 1e-12)
            labels[f.name] = (x - (-u.log()).log()).argmax(2)
        gate = torch.rand(seeds, prompts, generator=g) < ACCEPTED[arm]
        for p in range(prompts):
            read[f"prompt {p}"][arm] = Simulated({k: v[:, p] for k, v in labels.items()}, gate[:, p])
    return read


def coverage(prompts: int, seeds: int, runs: int, of_seed: float, of_arm: float, in_general: bool = True) -> dict[str, float]:
    """Share of `runs` studies whose interval holds the truth: of each arm's D, what the student lost, what the hybrid gained, and
    the recovered share. in_general: the truth of prompts in general, not of those of the study."""
    g, factors = torch.Generator().manual_seed(7), {f.name: f for f in (FACTORS["subject"], *FREE)}
    everyone = population(4000, torch.Generator().manual_seed(99))
    held: dict[str, list[bool]] = {}
    for _ in range(runs):
        logits = population(prompts, g)
        read = study(logits, prompts, seeds, g, of_seed, of_arm)
        arms = pooled_arms(read, dict.fromkeys(read, STATED), factors, n_boot=400)
        d = {arm: a.diversity for arm, a in arms.items()}
        true = {arm: true_diversity((everyone if in_general else logits)[arm]) for arm in SHARP}
        share = recovery(d["teacher"], d["student"], d["hybrid"]).share
        lost, gained = true["teacher"] - true["student"], true["hybrid"] - true["student"]
        found: dict[str, Any] = {
            **{arm: (e.interval(), true[arm]) for arm, e in d.items()},
            "lost": ((d["teacher"] - d["student"]).interval(), lost),
            "gained": ((d["hybrid"] - d["student"]).interval(), gained),
            "share": (share, gained / lost),
        }
        for name, (interval, value) in found.items():
            held.setdefault(name, []).append(bool(interval.includes(value)))
    return {name: sum(row) / len(row) for name, row in held.items()}


CASES = (
    # prompts, seeds, share of the noise that is the seed's, of the rest that is common to arms, about prompts in general
    (8, 32, 0.1, 0.7, True), (8, 32, 0.3, 0.9, True), (16, 64, 0.1, 0.7, True), (2, 64, 0.1, 0.7, False),
    (2, 64, 0.5, 0.7, False),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    runs = parser.parse_args().runs
    print(
        f"| study | noise of the seed | truth of | {' | '.join([*(f'D({arm})' for arm in SHARP), 'lost', 'gained', 'share'])} |"
    )
    for prompts, seeds, of_seed, of_arm, in_general in CASES:
        found = coverage(prompts, seeds, runs, of_seed, of_arm, in_general)
        of = "prompts in general" if in_general else "its prompts"
        print(
            f"| {prompts} × {seeds} | {of_seed:g} | {of} | {' | '.join(f'{100 * v:.1f}' for v in found.values())} |", flush=True
        )


if __name__ == "__main__":
    main()
