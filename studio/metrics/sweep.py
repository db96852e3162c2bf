"""Sweeps of one setting: base steps k, the position of a single base step, the base's guidance.

All read pooled arms (`study.pooled_arms`), whose bootstrap draws are paired over seeds and prompts, and give JSON-ready
dicts: a row a point (diversity, accuracy, share in distribution, cost in network evaluations, share of the student's
loss that is recovered), reference arms beside them, and whether diversity rises or falls along the sweep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from studio.core.files import Json
from studio.metrics.interval import LEVEL, TOO_SMALL, Estimate, combined
from studio.metrics.pareto import front
from studio.metrics.readings import known
from studio.metrics.study import PooledArm, arm_rows
from studio.sampling.guidance import is_plain

Arms = Mapping[str, PooledArm]


def sweep(
    arms: Arms,
    points: Mapping[float, str],
    *,
    teacher: str = "teacher",
    student: str = "student",
    references: Sequence[str] = (),
    costs: Mapping[str, float] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Json:
    """{"points", "references", "trend", "missing"}: the arms at x = the keys of `points`, in rising x.

    Each point is a row of `study.arm_rows` with `x` and `gain` = D(arm) − D(student), paired. References are such rows
    without x. Arms that are not measured yet are listed under `missing`, so that a study can be shown while it runs.
    """
    if not points:
        raise ValueError("The sweep has no points; give at least one value with the name of its arm.")
    rows = {r["arm"]: r for r in arm_rows(arms, teacher=teacher, student=student, costs=costs, labels=labels)}
    there = [(x, arm) for x, arm in sorted(points.items()) if arm in rows]
    out = [{**rows[arm], "x": x, "gain": _gain(arms, arm, student)} for x, arm in there]
    return {
        "points": out,
        "references": [rows[r] for r in references if r in rows],
        "trend": trend([(x, arms[arm].diversity) for x, arm in there]),
        "missing": [name for name in (*points.values(), *references) if name not in rows],
    }


def k_sweep(arms: Arms, by_k: Mapping[int, str], *, references: Sequence[str] = (), **options: Any) -> Json:
    """`sweep` over the number of base steps; k = 0 is the student unless `student` names another arm."""
    if 0 in by_k:
        options.setdefault("student", by_k[0])
    return sweep(arms, {float(k): arm for k, arm in by_k.items()}, references=references, **options)


def position_sweep(
    arms: Arms, by_position: Mapping[int, str], *, controls: Sequence[str] = (), references: Sequence[str] = (), **options: Any
) -> Json:
    """`sweep` over the grid position of the single base step, with `leads`: D(first) − D(other) for every other one.

    A trend over positions is left in, but statement S4 is about the first position's lead. `controls` (skip-first,
    student-first) are rows with their `gain`, as the points are.
    """
    student = options.get("student", "student")
    out = sweep(arms, {float(p): arm for p, arm in by_position.items()}, references=references, **options)
    rows = {r["arm"]: r for r in arm_rows(arms, **options)}
    out["controls"] = [{**rows[c], "gain": _gain(arms, c, student)} for c in controls if c in rows]
    out["missing"] += [c for c in controls if c not in rows]
    out["leads"] = []
    first = by_position[min(by_position)]
    if first in arms:
        for position, arm in sorted(by_position.items()):
            if arm in arms and arm != first:
                lead = (arms[first].diversity - arms[arm].diversity).interval()
                out["leads"].append({"position": position, "arm": arm, "lead": lead.to_dict()})
    return out


def guidance_sweep(arms: Arms, by_w: Mapping[float, str], *, references: Sequence[str] = (), **options: Any) -> Json:
    """`sweep` over the base's guidance, with the Pareto `front` of points and references.

    w = 0 and w = 1 both are the plain conditional prediction: they count as w = 1, once.
    """
    seen: dict[float, str] = {}
    for w, arm in sorted(by_w.items(), key=lambda item: (item[0] != 1.0, item[0])):
        seen.setdefault(1.0 if is_plain(w) else float(w), arm)
    out = sweep(arms, seen, references=references, **options)
    named = [arm for arm in (*seen.values(), *references) if arm in arms]
    out["front"] = front(pareto_points(arms, options.get("costs"), named))
    return out


def pareto_points(arms: Arms, costs: Mapping[str, float] | None, names: Sequence[str] | None = None) -> list[Json]:
    """What `pareto.front` reads: name, diversity and accuracy as estimates with their draws, nfe."""
    out: list[Json] = []
    for name in names if names is not None else list(arms):
        known(name, arms, "arm")
        arm = arms[name]
        out.append({"name": name, "diversity": arm.diversity, "accuracy": arm.right, "nfe": (costs or {}).get(name)})
    return out


def trend(points: Sequence[tuple[float, Estimate]]) -> Json | None:
    """Does diversity rise or fall with x? None below three measured points of different x.

    slope: least squares, per unit of x. spearman: rank correlation in [−1, 1]. change: D at the largest x minus D at the
    smallest. `falls`, `rises`: neighbours between which D surely falls or rises, at a level shared by all neighbours
    (Bonferroni), so that one chance step in a long sweep is not called a reversal. `start`: D at the smallest x.
    """
    kept = sorted(((x, e) for x, e in points if e.value is not None), key=lambda item: item[0])
    if len({x for x, _ in kept}) < 3:
        return None
    x = torch.tensor([x for x, _ in kept], dtype=torch.float64)
    centred = x - x.mean()
    slope = combined([(float(c), e) for c, (_, e) in zip(centred / centred.square().sum(), kept, strict=True)])
    level = 1 - (1 - LEVEL) / (len(kept) - 1)
    falls, rises = [], []
    for (x0, a), (x1, b) in zip(kept, kept[1:], strict=False):
        step = (b - a).interval(level)
        row = {"from": x0, "to": x1, "change": step.to_dict()}
        if step.high is not None and step.high < 0:
            falls.append(row)
        elif step.low is not None and step.low > 0:
            rises.append(row)
    return {
        "slope": slope.interval().to_dict(),
        "spearman": _spearman(x, [e for _, e in kept]).interval().to_dict(),
        "change": (kept[-1][1] - kept[0][1]).interval().to_dict(),
        "start": kept[0][1].interval().to_dict(),
        "falls": falls,
        "rises": rises,
    }


def _spearman(x: Tensor, estimates: Sequence[Estimate]) -> Estimate:
    """Rank correlation of x [P] with the values, and with every draw of them (ties share their mean rank)."""
    n = min(e.n for e in estimates)
    values = torch.tensor([e.value for e in estimates], dtype=torch.float64)
    value = float(_correlation(_ranks(x), _ranks(values)))
    if value != value:
        return Estimate.missing(n, "every point has the same diversity")
    if len({len(e.draws) for e in estimates}) > 1:
        return Estimate(value, n=n, bounds=(-1.0, 1.0))
    draws = torch.stack([e.draws for e in estimates], -1)
    drawn = torch.where(draws.isfinite().all(-1), _correlation(_ranks(x), _ranks(draws)), torch.nan)
    return Estimate(value, drawn, n, (-1.0, 1.0), units=min(e.independent for e in estimates))


def _ranks(values: Tensor) -> Tensor:
    """Ranks [..., P] of values [..., P], the mean of their places where equal."""
    below = values[..., :, None] > values[..., None, :]
    equal = values[..., :, None] == values[..., None, :]
    return below.double().sum(-1) + 0.5 * equal.double().sum(-1)


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson correlation over the last axis; nan where one side does not vary."""
    a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    scale = (a.square().sum(-1) * b.square().sum(-1)).sqrt()
    return torch.where(scale > 0, (a * b).sum(-1) / scale.clamp_min(1e-300), torch.nan)


def _gain(arms: Arms, arm: str, student: str) -> Json:
    if student not in arms:
        return (
            Estimate.missing(arms[arm].n, TOO_SMALL if not arms else f"no arm {student!r} to compare with").interval().to_dict()
        )
    return (arms[arm].diversity - arms[student].diversity).interval().to_dict()
