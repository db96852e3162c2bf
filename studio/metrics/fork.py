"""The fork test: how much of a sample is decided by the steps up to i, and how much is left to later noise?

G recorded states after step i are each continued n times with fresh noise. For a reading X (one-hot label, value or
features) the share of its variance that the state explains is, by the law of total variance,

    share = Var(E[X | state]) / Var(X) = 1 − W / T,
    W = mean ½|x − y|² over two continuations of the same state, T = the same over continuations of different states.

W and T are averages over pairs of *different* samples, hence unbiased at every n ≥ 2: no correction for few continuations
is needed, and a share of 0 is measured as 0 on average (a single one may come out a little below). For labels ½|x − y|² is 1
where two labels differ, so the share says how much rarer disagreement becomes when the state is the same. On labels this
is the analysis of variance for categorical data (Light & Margolin 1971, J. Am. Stat. Assoc. 66), on values the intraclass
correlation (Fisher 1925, chapter 7). States are resampled, never single continuations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from studio.core.domain import Factor, Readings
from studio.core.files import Json
from studio.metrics.bootstrap import N_BOOT, resample_counts
from studio.metrics.interval import TOO_SMALL, Estimate, tail
from studio.metrics.isotonic import rising
from studio.metrics.margins import MIN_TOTAL
from studio.metrics.readings import World, counted
from studio.metrics.report import free_factors

_MIN_SPLIT = 5  # with fewer states of mixed continuations, resampling states hardly changes W


@dataclass(frozen=True)
class Fork:
    """Readings of continued samples of one prompt, and which of the states 0…G−1 each continues: `states` [N] int."""

    readings: Readings
    states: Tensor


@dataclass(frozen=True)
class ForkStep:
    """Forks by prompt after `after` network steps of an arm (0 = only x_T is kept), at noise level `level`."""

    after: int
    level: float
    forks: Mapping[str, Fork]


@dataclass(frozen=True)
class _Parts:
    """W and T of one prompt: values, and one a bootstrap draw; `split`: states whose continuations are not all alike."""

    within: float
    total: float
    within_draws: Tensor
    total_draws: Tensor
    split: int


def share_of(samples: Any, states: Any, *, n_boot: int = N_BOOT, seed: int = 0) -> Estimate:
    """Share of the variance of `samples` [N, ...] explained by which state each continues, `states` [N]; ≤ 1."""
    x = _column(samples)
    index, n = _numbered(states, len(x))
    parts = _parts(x, index, torch.ones(len(x), dtype=torch.bool), n, resample_counts(n, n_boot, seed))
    return _share([parts] if parts else [], n, 0.0)


def fork_shares(
    forks: Mapping[str, Fork],
    *,
    stated: Mapping[str, Mapping[str, str]] | None = None,
    factors: Mapping[str, Factor] | None = None,
    worlds: Mapping[str, World] | None = None,
    gated: bool = True,
    shared_seeds: bool = True,
    n_boot: int = N_BOOT,
    seed: int = 0,
) -> dict[tuple[str, str], Estimate]:
    """Shares by (kind, name): ("factor", f), ("value", v), ("features", ""), and ("factors", "") for all factors together.

    Args:
        forks: by prompt; W and T are averaged over prompts before they are divided.
        stated, factors, worlds: as in `study.pooled_arms`; a factor counts in the prompts that leave it free. Without
            `factors` every label counts everywhere; readings without labels give features (and values) alone.
        gated: only samples in distribution; a state with fewer than two of those is left out.
        shared_seeds: whether the states of all prompts began from the same noise; they are then resampled together.
    """
    if not forks:
        raise ValueError("The fork test got no prompts; give at least one fork.")
    columns: dict[tuple[str, str], list[_Parts]] = {}
    sizes = []
    for i, (prompt, fork) in enumerate(forks.items()):
        r = fork.readings
        keep = counted(r) if gated else torch.ones_like(counted(r))
        index, n = _numbered(fork.states, len(keep))
        counts = resample_counts(n, n_boot, seed if shared_seeds else seed * 100_003 + i + 1)
        sizes.append(n)
        free = list(r.labels) if factors is None else free_factors((stated or {})[prompt], factors, (worlds or {}).get(prompt))
        together: list[_Parts] = []
        for name in free:
            if name in r.labels:
                onehot = torch.nn.functional.one_hot(torch.as_tensor(r.labels[name]).long().cpu()).double()
                _put(columns, ("factor", name), _parts(onehot, index, keep, n, counts), together)
        if together:
            columns.setdefault(("factors", ""), []).append(_summed(together))
        for name, values in r.values.items():
            _put(columns, ("value", name), _parts(_column(values), index, keep, n, counts))
        _put(columns, ("features", ""), _parts(_column(r.features), index, keep, n, counts))
    n = min(sizes) if shared_seeds else sum(sizes)
    return {key: _share(parts, n, MIN_TOTAL if key[0] == "factor" else 0.0) for key, parts in columns.items()}


def fork_series(steps: Sequence[ForkStep], **options: Any) -> Json:
    """When is each factor decided? JSON-ready series over forked steps; `options` as in `fork_shares`.

    {"steps": [{after, level}], "states", "continuations" (mean a state), "factors": {name: curve}, "values", "features",
    "all"}, where a curve is {"share": [interval], "fitted", "added", "open", "half"}. A later state knows all that an
    earlier one did, so the true share never falls: `fitted` is the nearest rising series in [0, 1], `added` what each step
    adds to it (the areas of the chart), `open` what is left after the last forked step. `half`: steps taken when half of
    the variance is decided, an interval in the same unit as `after`; None while it is not.
    """
    if not steps:
        raise ValueError("The fork series got no steps; give at least one.")
    steps = sorted(steps, key=lambda s: s.after)
    if len({s.after for s in steps}) < len(steps):
        raise ValueError("Two forks are after the same step; give each step once.")
    tables = [fork_shares(s.forks, **options) for s in steps]
    after = [s.after for s in steps]
    keys = dict.fromkeys(key for table in tables for key in table)
    curves = {key: _curve(after, [t.get(key, Estimate.missing(0)) for t in tables]) for key in keys}
    first = [f for s in steps for f in s.forks.values()]
    sizes = [(len(torch.as_tensor(f.states)), len(torch.as_tensor(f.states).unique())) for f in first]
    return {
        "steps": [{"after": s.after, "level": s.level} for s in steps],
        "states": min(g for _, g in sizes),
        "continuations": sum(n for n, _ in sizes) / sum(g for _, g in sizes),
        "factors": {name: c for (kind, name), c in curves.items() if kind == "factor"},
        "values": {name: c for (kind, name), c in curves.items() if kind == "value"},
        "features": curves.get(("features", "")),
        "all": curves.get(("factors", "")),
    }


def _curve(after: Sequence[int], shares: Sequence[Estimate]) -> Json:
    known = [i for i, e in enumerate(shares) if e.value is not None]
    row: Json = {"share": [e.interval().to_dict() for e in shares], "fitted": None, "added": None, "open": None}
    row["half"] = Estimate.missing(0, shares[0].note or TOO_SMALL).interval().to_dict()
    if len(known) < len(shares):
        return row  # areas need every step
    values = torch.tensor([e.value for e in shares], dtype=torch.float64)
    fitted = rising(values).clamp(0.0, 1.0)
    row |= {"fitted": fitted.tolist(), "added": fitted.diff(prepend=torch.zeros(1).double()).tolist()}
    row["open"] = float(1 - fitted[-1])
    row["half"] = _half(after, fitted, shares)
    return row


def _half(after: Sequence[int], fitted: Tensor, shares: Sequence[Estimate]) -> Json:
    """First step with a fitted share of at least one half, with the ends of its bootstrap distribution."""
    n = min(e.n for e in shares)
    place = _first_half(fitted[:, None])[0]
    if place == len(after):
        return Estimate.missing(n, "less than half is decided after the last forked step").interval().to_dict()
    out = Estimate(float(after[int(place)]), n=n).interval().to_dict()
    if len({len(e.draws) for e in shares}) == 1 and len(shares[0].draws):
        draws = torch.stack([e.draws for e in shares])
        draws = draws[:, draws.isfinite().all(0)]
        ordered = _first_half(rising(draws)).sort().values
        if len(ordered):
            cut = int(tail(n) * (len(ordered) - 1))
            low, high = min(int(ordered[cut]), int(place)), max(int(ordered[-1 - cut]), int(place))
            out["low"] = float(after[low])
            late = high == len(after)
            out |= {
                "high": None if late else float(after[high]),
                "note": "it may come after the last forked step" if late else "",
            }
    return out


def _first_half(fitted: Tensor) -> Tensor:
    """[S, n] -> first row of at least 0.5, S where there is none."""
    reached = fitted >= 0.5
    return torch.where(reached.any(0), reached.double().argmax(0), len(fitted))


def _share(parts: Sequence[_Parts], n: int, least: float) -> Estimate:
    if not parts:
        return Estimate.missing(n, TOO_SMALL)
    within, total = (sum(getattr(p, k) for p in parts) / len(parts) for k in ("within", "total"))
    if not total > least:
        return Estimate.missing(n, "hardly anything varies here")
    draws = 1 - torch.stack([p.within_draws for p in parts]).sum(0) / torch.stack([p.total_draws for p in parts]).sum(0)
    out = Estimate.centred(1 - within / total, draws, n, (-math.inf, 1.0))
    few = "continuations of nearly every state agree, so the interval is too narrow"
    return replace(out, note=few) if sum(p.split for p in parts) < _MIN_SPLIT else out


def _parts(x: Tensor, index: Tensor, keep: Tensor, n: int, counts: Tensor) -> _Parts | None:
    """W and T of x [N, D] by state `index` [N] in 0…n−1, over the rows to keep; counts [n_boot, n] of states."""
    x, index = x[keep] - x[keep].mean(0), index[keep]
    size = torch.zeros(n, dtype=torch.float64).index_add_(0, index, torch.ones(len(index), dtype=torch.float64))
    used = size >= 2
    if int(used.sum()) < 2:
        return None
    at_least = size.clamp_min(1)
    mean = torch.zeros(n, x.shape[1], dtype=torch.float64).index_add_(0, index, x) / at_least[:, None]
    square = torch.zeros(n, dtype=torch.float64).index_add_(0, index, x.square().sum(1)) / at_least
    within = (size / (size - 1).clamp_min(1) * (square - mean.square().sum(1))).clamp_min(0.0)
    between = 0.5 * (square[:, None] + square[None, :]) - mean @ mean.T
    between = (between - torch.diag(between.diagonal())) * used * used[:, None]
    weights = torch.cat([used[None, :].double(), counts * used])
    groups, pairs = weights.sum(1), weights.sum(1) ** 2 - weights.square().sum(1)
    w = torch.where(groups > 0, weights @ within / groups.clamp_min(1), torch.nan)
    t = torch.where(pairs > 0, ((weights @ between) * weights).sum(1) / pairs.clamp_min(1), torch.nan)
    return _Parts(float(w[0]), float(t[0]), w[1:], t[1:], int((within[used] > 1e-12).sum()))


def _summed(parts: Sequence[_Parts]) -> _Parts:
    """All factors of a prompt as one reading: their one-hot vectors side by side, so W and T add."""
    draws = (torch.stack([p.within_draws for p in parts]).sum(0), torch.stack([p.total_draws for p in parts]).sum(0))
    return _Parts(sum(p.within for p in parts), sum(p.total for p in parts), *draws, max(p.split for p in parts))


def _put(columns: dict[tuple[str, str], list[_Parts]], key: tuple[str, str], parts: _Parts | None, *others: list[_Parts]) -> None:
    for rows in (columns.setdefault(key, []), *others):
        if parts is not None:
            rows.append(parts)


def _column(values: Any) -> Tensor:
    x = torch.as_tensor(values).detach().double().cpu()
    return x.reshape(len(x), -1)


def _numbered(states: Any, n: int) -> tuple[Tensor, int]:
    """States as 0…G−1 in rising order of their labels, and G."""
    found, index = torch.unique(torch.as_tensor(states).flatten().cpu(), return_inverse=True)
    if len(index) != n:
        raise ValueError(f"{len(index)} states for {n} samples do not fit; say for every sample which state it continues.")
    return index, len(found)
