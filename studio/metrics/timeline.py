"""The decision timeline: at which step does x̂0, the belief about the finished sample, already say what the end will say?

Readings of x̂0 at every step of one arm, for all samples. By factor: how many samples already have their final value
(`equal`), how many keep it from then on (`settled`), and at which step each sample committed. By features, with or without
an oracle: how far x̂0 still is from its end. Chance is given beside every curve: two samples of a collapsed model agree
before anything is decided.

The share of steps is (i + 1)/N at step i: what has been paid when x̂0 of that step is known. Noise levels are σ/α.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from studio.core.domain import Factor, Readings
from studio.core.files import Json
from studio.metrics.diversity import distances, mean_pair_distance
from studio.metrics.interval import Interval
from studio.metrics.margins import COMMITTED
from studio.metrics.proportion import wilson
from studio.metrics.quantiles import quantile
from studio.metrics.readings import accepted

QUANTILES = (0.25, 0.5, 0.75)


def timeline(
    beliefs: Mapping[str, Sequence[Readings]],
    levels: Sequence[float],
    *,
    scales: Mapping[str, float] | None = None,
    factors: Mapping[str, Factor] | None = None,
    names: Sequence[str] | None = None,
) -> Json:
    """The timeline of one arm over all prompts, JSON-ready.

    Args:
        beliefs: by prompt, readings of x̂0 at steps 0…N−1, row j = the same sample at every step; the last is the end.
        levels: σ/α at each of the N steps (inf allowed at the first; it is returned as None).
        scales: by prompt, the distance that counts as 1 in `committed`: the mean distance between two *teacher* samples of
            the prompt (`typical_distance`), so that arms share one yardstick. By default the arm's own samples give it.
        factors: for the names of values; names: factors to report, by default all labels.

    Returns {"steps": [{step, fraction, level}], "n", "accepted": [share in distribution at each step], "factors": {name:
    `factor_curve`}, "distance": `distance_curve`}. Where x̂0 is not in distribution its labels are guesses: draw them faintly.
    """
    steps = _checked(beliefs, levels)
    parts = list(beliefs.values())
    n = sum(len(accepted(p[0])) for p in parts)
    inside = torch.stack([torch.cat([accepted(p[i]) for p in parts]) for i in range(steps)])
    out: Json = {"steps": [{"step": i, "fraction": (i + 1) / steps, "level": _finite(levels[i])} for i in range(steps)]}
    out |= {"n": n, "accepted": [wilson(int(row.sum()), n).to_dict() for row in inside], "factors": {}}
    common = [f for f in parts[0][0].labels if all(f in p[0].labels for p in parts)]
    for name in names if names is not None else common:
        if name not in common:
            raise ValueError(f"There is no factor {name!r} among the readings; there are {', '.join(common) or 'none'}.")
        labels = [_stack(p, lambda r, name=name: torch.as_tensor(r.labels[name])) for p in parts]
        out["factors"][name] = factor_curve(labels, levels)
        if factors is not None and name in factors:
            out["factors"][name]["values"] = list(factors[name].values)
    features = [_stack(p, lambda r: torch.as_tensor(r.features).flatten(1)) for p in parts]
    given = [(scales or {}).get(prompt) for prompt in beliefs]
    out["distance"] = distance_curve(features, levels, given)
    return out


def factor_curve(labels: Sequence[Tensor], levels: Sequence[float]) -> Json:
    """Curves of one factor from labels [N, n] by prompt.

    equal: share whose label at step i is the final one; settled: share whose label is final from step i on (both Wilson).
    chance: share of equal labels if the ends were dealt out anew among the samples of the prompt. commit: `moments` of the
    commit step, the first one from which the label stays what it ends as.
    """
    equal = torch.cat([row == row[-1] for row in labels], 1)
    settled = equal.flip(0).cumprod(0).flip(0).bool()
    n, steps = equal.shape[1], equal.shape[0]
    chance = [_chance([row[i] for row in labels], [row[-1] for row in labels]) for i in range(steps)]
    return {
        "equal": [wilson(int(row.sum()), n).to_dict() for row in equal],
        "settled": [wilson(int(row.sum()), n).to_dict() for row in settled],
        "chance": chance,
        "commit": moments(steps - settled.sum(0), levels),
    }


def distance_curve(features: Sequence[Tensor], levels: Sequence[float], scales: Sequence[float | None] = ()) -> Json:
    """How far x̂0 is from its end, from features [N, n, D] by prompt.

    curve: quartiles over samples of d(x̂0_i, end) / scale at each step. commit: `moments` of the first step from which that
    stays at or below one half of the scale. commit_own: of the first step with d(x̂0_i, end) ≤ ½ d(x̂0_0, end), which needs no
    scale but asks more of an arm that begins near its end. area: median over samples of the mean of
    d(x̂0_i, end)/d(x̂0_0, end) over steps (trapezoid rule; 0 = there at once, 1 = at the very end). `own_scale`: True when
    the arm's own samples were the yardstick.
    """
    steps = len(levels)
    relative, ratios, first_half, own = [], [], [], False
    for i, rows in enumerate(features):
        x = rows.detach().double().cpu()
        d = (x - x[-1:]).flatten(2).norm(dim=-1)  # [N, n]
        scale = scales[i] if i < len(scales) else None
        if scale is None:
            own, scale = True, typical_distance(x[-1])
        relative.append(d / scale if scale else torch.full_like(d, torch.nan))
        moved = d[0] > 0
        ratios.append((d[:, moved] / d[0, moved]) if steps > 1 else d[:, :0])
        first_half.append((d <= COMMITTED * d[0]).double().argmax(0))
    r, own_ratio = torch.cat(relative, 1), torch.cat(ratios, 1)
    r = r[:, r.isfinite().all(0)]
    away = (r > COMMITTED).flip(0).cumsum(0).flip(0) > 0  # still, or again, away at step i or later
    area = torch.trapezoid(own_ratio, dim=0) / (steps - 1) if steps > 1 else own_ratio.new_zeros(0)
    return {
        "curve": [{f"q{round(100 * q)}": quantile(row, q).to_dict() for q in QUANTILES} for row in r],
        "commit": moments(away.sum(0), levels),
        "commit_own": moments(torch.cat(first_half), levels),
        "area": quantile(area).to_dict(),
        "own_scale": own,
    }


def moments(commit: Tensor, levels: Sequence[float]) -> Json:
    """Commit steps [n] in 0…N−1, summed up: {"steps", "fraction", "level", "first", "histogram"}.

    fraction: quartiles of (step + 1)/N; level: of σ/α at that step (the quartile of the step, looked up); first: share
    that committed at step 0; steps: the commit step of every sample; histogram: samples by step.
    """
    n, steps = len(commit), len(levels)
    found = {f"q{round(100 * q)}": quantile(commit, q) for q in QUANTILES}
    return {
        "steps": commit.tolist(),
        "fraction": {k: _mapped(v, lambda i: (i + 1) / steps).to_dict() for k, v in found.items()},
        "level": {k: _mapped(v, lambda i: _finite(levels[i])).to_dict() for k, v in found.items()},
        "first": wilson(int((commit == 0).sum()), n).to_dict(),
        "histogram": torch.bincount(commit.long(), minlength=steps).tolist(),
    }


def typical_distance(features: Any) -> float | None:
    """Mean feature distance between two samples [n, ...] of one prompt; None below two samples or without spread."""
    x = torch.as_tensor(features)
    value = float(mean_pair_distance(distances(x))) if len(x) > 1 else 0.0
    return value if value > 0 else None


def _chance(now: Sequence[Tensor], end: Sequence[Tensor]) -> float | None:
    """Mean over samples of how often a *different* sample of the prompt ends with the label it shows now."""
    hits, pairs = 0, 0
    for a, b in zip(now, end, strict=True):
        classes = int(torch.cat([a, b]).max()) + 1 if len(a) else 1
        counts = torch.bincount(a.long(), minlength=classes) @ torch.bincount(b.long(), minlength=classes)
        hits, pairs = hits + int(counts) - int((a == b).sum()), pairs + len(a) * (len(a) - 1)
    return hits / pairs if pairs else None


def _mapped(interval: Interval, of: Any) -> Interval:
    """An interval of steps in another unit; a falling unit (noise) swaps the ends. A missing end stays missing."""
    value, low, high = (None if x is None else of(int(x)) for x in (interval.value, interval.low, interval.high))
    if low is not None and high is not None and low > high:
        low, high = high, low
    note = "infinite: no signal at all" if value is None and interval.value is not None else interval.note
    return Interval(value, low, high, interval.n, note)


def _checked(beliefs: Mapping[str, Sequence[Readings]], levels: Sequence[float]) -> int:
    if not beliefs or not len(levels):
        raise ValueError("The timeline got nothing to read; give at least one prompt with one step.")
    for prompt, rows in beliefs.items():
        if len(rows) != len(levels):
            raise ValueError(f"Prompt {prompt!r} has {len(rows)} steps and there are {len(levels)} noise levels; give as many.")
        if len({len(accepted(r)) for r in rows}) > 1:
            raise ValueError(f"Prompt {prompt!r} has other samples at other steps; give the same ones at every step.")
    return len(levels)


def _stack(rows: Sequence[Readings], of: Any) -> Tensor:
    return torch.stack([of(r).detach().cpu() for r in rows])


def _finite(x: float) -> float | None:
    return float(x) if x == x and abs(x) != float("inf") else None
