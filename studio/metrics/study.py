"""The collapse study: measures pooled over prompts, with the claims they support or do not.

Every prompt counts the same, and prompts vary as well as seeds, so that figures of four prompts or more are about prompts in
general (`interval.pool`); with fewer they are about these prompts alone, and sentences say so. Where all prompts share one
list of seeds, they share initial noise too, and the same seeds vary together in every prompt. How often the intervals hold
the truth is in `tests/metrics/test_coverage.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from studio.core.domain import Factor, Readings
from studio.core.files import Json
from studio.metrics.bootstrap import N_BOOT, multipliers
from studio.metrics.interval import MIN_GROUPS, TOO_SMALL, Estimate, Interval, pool
from studio.metrics.margins import ACCURACY_MARGIN, EQUIVALENT, MIN_JUDGED
from studio.metrics.proportion import wilson_of
from studio.metrics.readings import World, accepted, correct, known
from studio.metrics.recovered_share import TOO_FEW, Verdict, recovery, relative_cost
from studio.metrics.report import diversity_estimate


@dataclass(frozen=True)
class PooledArm:
    """One arm over all prompts: `diversity` on accepted samples, `diversity_all` on all, `right` = share as stated."""

    arm: str
    n: int
    prompts_used: int
    prompts: int
    diversity: Estimate
    diversity_all: Estimate
    right: Estimate
    accuracy: Interval
    in_distribution: Interval


def pooled_arms(
    per_prompt: Mapping[str, Mapping[str, Readings]],
    stated: Mapping[str, Mapping[str, str]],
    factors: Mapping[str, Factor],
    *,
    worlds: Mapping[str, World] | None = None,
    shared_seeds: bool = True,
    n_boot: int = N_BOOT,
    seed: int = 0,
) -> dict[str, PooledArm]:
    """Pool every arm over prompts: per_prompt[prompt][arm] readings, stated[prompt] factors, worlds[prompt].

    All prompts must have the same arms; a prompt in which some arm has fewer than two accepted samples is left out of
    every arm's diversity (`prompts_used` of `prompts`), not of its accuracy. `shared_seeds` False resamples each prompt
    on its own.
    """
    if not per_prompt:
        raise ValueError("The study got no prompts; give at least one.")
    arms = list(next(iter(per_prompt.values())))
    for prompt, readings in per_prompt.items():
        known(prompt, stated, "stated factors for prompt")
        if set(readings) != set(arms):
            raise ValueError(f"Prompt {prompt!r} has arms {sorted(readings)}; the first has {sorted(arms)}, which all need.")
    gated, free = _by_prompt(per_prompt, stated, factors, worlds, shared_seeds, n_boot, seed)
    # an arm without a figure for a prompt would otherwise be compared over other prompts than its rivals
    usable = [p for p in per_prompt if all(gated[a][p].value is not None for a in arms)]
    out = {}
    for arm in arms:
        right, inside, n = [], [], 0
        for i, (prompt, readings) in enumerate(per_prompt.items()):
            gate, own = accepted(readings[arm]), _seed_of(i, seed, shared_seeds)
            n += len(gate)
            inside.append(_share(gate, n_boot, own))
            shown = correct(readings[arm], stated[prompt], factors)
            if shown:  # a prompt that asks for nothing has nothing to get right
                right.append(_share(torch.stack(list(shown.values())).all(0), n_boot, own))
        d, d_all = pool([gated[arm][p] for p in usable]), pool([free[arm][p] for p in usable])
        fidelity = pool(right)
        figures = (d, d_all, fidelity, wilson_of(fidelity), wilson_of(pool(inside)))
        out[arm] = PooledArm(arm, n, len(usable), len(per_prompt), *figures)
    return out


def _by_prompt(
    per_prompt: Mapping[str, Mapping[str, Readings]],
    stated: Mapping[str, Mapping[str, str]],
    factors: Mapping[str, Factor],
    worlds: Mapping[str, World] | None,
    shared_seeds: bool,
    n_boot: int,
    seed: int,
) -> tuple[dict[str, dict[str, Estimate]], dict[str, dict[str, Estimate]]]:
    """Diversity by arm and prompt, on accepted samples and on all."""
    gated: dict[str, dict[str, Estimate]] = {}
    free: dict[str, dict[str, Estimate]] = {}
    for i, (prompt, readings) in enumerate(per_prompt.items()):
        world, own = (worlds or {}).get(prompt), _seed_of(i, seed, shared_seeds)
        for arm, r in readings.items():
            options: Json = {"world": world, "n_boot": n_boot, "seed": own}
            gated.setdefault(arm, {})[prompt] = diversity_estimate(r, stated[prompt], factors, **options)
            free.setdefault(arm, {})[prompt] = diversity_estimate(r, stated[prompt], factors, gated=False, **options)
    return gated, free


def _seed_of(prompt_index: int, seed: int, shared_seeds: bool) -> int:
    """Bootstrap seed of a prompt: one for all where they share their sampling seeds."""
    return seed if shared_seeds else seed * 100_003 + prompt_index + 1


def collapse_table(
    per_prompt: Mapping[str, Mapping[str, Readings]],
    stated: Mapping[str, Mapping[str, str]],
    factors: Mapping[str, Factor],
    *,
    teacher: str = "teacher",
    student: str = "student",
    costs: Mapping[str, float] | None = None,
    labels: Mapping[str, str] | None = None,
    **options: Any,
) -> list[Json]:
    """One JSON-ready row an arm, fidelity and diversity side by side, with its recovery and cost.

    `recovery` is that of `recovery.Recovery.to_dict` against `teacher` and `student` (None for those two and where one
    is absent). `options`: worlds, shared_seeds, n_boot, seed of `pooled_arms`.
    """
    arms = pooled_arms(per_prompt, stated, factors, **options)
    return arm_rows(arms, teacher=teacher, student=student, costs=costs, labels=labels)


def arm_rows(
    arms: Mapping[str, PooledArm],
    *,
    teacher: str = "teacher",
    student: str = "student",
    costs: Mapping[str, float] | None = None,
    labels: Mapping[str, str] | None = None,
) -> list[Json]:
    """`collapse_table` of arms that are pooled already, so that several figures can share one bootstrap."""
    rows = []
    for name, arm in arms.items():
        share = None
        if teacher in arms and student in arms and name not in (teacher, student):
            t, s = arms[teacher], arms[student]
            ratio = relative_cost(costs, name, student)
            words: dict[str, Any] = {
                "cost_ratio": ratio,
                "label": (labels or {}).get(name, name),
                "fidelity": (s.accuracy, arm.accuracy),
            }
            share = recovery(t.diversity, s.diversity, arm.diversity, least=MIN_JUDGED, **words).to_dict()
        rows.append(
            {
                "arm": name,
                "n": arm.n,
                "prompts": arm.prompts,
                "prompts_used": arm.prompts_used,
                "accuracy": arm.accuracy.to_dict(),
                "in_distribution": arm.in_distribution.to_dict(),
                "diversity": arm.diversity.interval().to_dict(),
                "diversity_all": arm.diversity_all.interval().to_dict(),
                "recovery": share,
                "cost": (costs or {}).get(name),
            }
        )
    return rows


def collapse_claims(
    per_prompt: Mapping[str, Mapping[str, Readings]],
    stated: Mapping[str, Mapping[str, str]],
    factors: Mapping[str, Factor],
    claims: Sequence[tuple[str, str]] = (("student", "teacher"), ("student", "hybrid-1")),
    **options: Any,
) -> list[Json]:
    """Test claims (lower arm, higher arm): D(lower) < D(higher) with intervals apart and accuracy within five points.

    Rows: claim, lower, higher, difference (paired, higher − lower), apart (the two arms' own intervals do not touch),
    accuracy_difference (higher − lower, paired), accuracy_within, verdict, sentence.
    """
    arms = pooled_arms(per_prompt, stated, factors, **options)
    rows = []
    for low, high in claims:
        known(low, arms, "arm")
        known(high, arms, "arm")
        rows.append(claim(arms[low], arms[high]))
    return rows


def claim(low: PooledArm, high: PooledArm) -> Json:
    """One row of `collapse_claims`: D(low) < D(high) at equal fidelity."""
    difference = (high.diversity - low.diversity).interval()
    apart = high.diversity.interval().apart(low.diversity.interval())
    fidelity = (high.right - low.right).interval()
    within = None if fidelity.value is None else abs(fidelity.value) <= ACCURACY_MARGIN + 1e-12
    verdict = judged(_verdict(difference, apart, fidelity, high.diversity.value), low, high)
    statement = f"D({low.arm}) < D({high.arm})"
    touch = {True: "intervals apart", False: "intervals overlap", None: "no intervals"}[apart]
    points = "no stated factors"
    if fidelity.value is not None:
        points = f"accuracy differs by {100 * fidelity.value:+.1f} points"
    figures = f"{high.diversity.interval().text()} against {low.diversity.interval().text()}"
    sentence = (
        f"{statement}: {verdict} ({figures}, paired difference {difference.text()}, {touch}, {points}; "
        f"{of_prompts(low)}, n = {low.n} and {high.n})."
    )
    return {
        "claim": statement,
        "lower": low.arm,
        "higher": high.arm,
        "difference": difference.to_dict(),
        "apart": apart,
        "accuracy_difference": fidelity.to_dict(),
        "accuracy_within": within,
        "verdict": verdict,
        "sentence": sentence,
    }


def judged(verdict: Verdict, *arms: PooledArm) -> Verdict:
    """The verdict, or "too few to say" where an arm has fewer samples than any judgement needs."""
    return TOO_FEW if arms and min(arm.n for arm in arms) < MIN_JUDGED else verdict


def of_prompts(arm: PooledArm) -> str:
    """What its intervals are about: '16 prompts', or 'these 2 prompts alone'."""
    used = arm.prompts_used
    return f"{used} prompts" if used >= MIN_GROUPS else "this prompt alone" if used == 1 else f"these {used} prompts alone"


def _verdict(difference: Interval, apart: bool | None, fidelity: Interval, scale: float | None) -> Verdict:
    """holds: D is higher, intervals apart, fidelity equal. does not hold: the difference is negative or negligible, or
    fidelity surely differs. Anything else, also without stated factors to judge fidelity by, is inconclusive."""
    if difference.low is None or difference.high is None or scale is None or fidelity.value is None:
        return "inconclusive"
    if difference.high < 0 or (difference.low <= 0 and difference.high <= EQUIVALENT * scale):
        return "does not hold"
    low, high = (0.0 if end is None else end for end in (fidelity.low, fidelity.high))
    if low > ACCURACY_MARGIN or high < -ACCURACY_MARGIN:
        return "does not hold"
    within = abs(fidelity.value) <= ACCURACY_MARGIN + 1e-12
    return "holds" if difference.low > 0 and apart and within else "inconclusive"


def _share(ok: torch.Tensor, n_boot: int, seed: int) -> Estimate:
    n = len(ok)
    if n == 0:
        return Estimate.missing(0, TOO_SMALL)
    return Estimate.of_influence(float(ok.double().mean()), ok.double(), multipliers(n, n_boot, seed), n, (0.0, 1.0))
