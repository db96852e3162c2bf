"""What x̂0 showed on the way and the end does not: the vanishing object, and with features alone the detour.

arXiv 2503.10637, section on trajectories: a cat's face at an early step of "a dog and a cat on a sofa" is gone in the
picture. Here: a value of a factor that a sample's x̂0 showed, surely enough, for some steps and that its end lacks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from studio.core.domain import Factor, Readings
from studio.core.files import Json
from studio.metrics.margins import DETOUR
from studio.metrics.readings import accepted

ABSENT = ("none", "hidden", "nothing")  # that name the absence of a thing, as a value or as what sentences call it
_SHORT = 8  # in a run of at most this many steps, one step is a stage; in a longer one it is a flicker


def vanished(
    beliefs: Sequence[Readings],
    *,
    factors: Mapping[str, Factor] | None = None,
    names: Sequence[str] | None = None,
    absent: Collection[str] = ABSENT,
    min_steps: int | None = None,
    min_confidence: float = 0.5,
) -> list[Json]:
    """Things seen in x̂0 of one prompt's samples at steps 0…N−1 and gone at the end, the clearest first.

    Args:
        beliefs: readings by step, row j = the same sample; the last is the end, and must itself be in distribution.
            A `confidence` (factor -> [n] in [0, 1]) among the readings is used where there is one, otherwise a `score` [n]
            says where a thing was clearest, otherwise the middle of the steps that showed it does.
        factors: for the names of values; without it values are numbers and none of them means absence.
        names: factors to look at, by default all.
        min_steps: consecutive steps, in distribution, that must show the value; by default 2 (1 in a run of eight steps or
            fewer).
        min_confidence: a reading below it does not count, where readings carry confidence.

    Rows: sample, factor, value, end (what is there instead), first, last (steps that show it), strongest (step), strength
    (confidence or score there, None without either).
    """
    steps = len(beliefs)
    if steps < 2:
        return []
    least = min_steps if min_steps is not None else (1 if steps <= _SHORT else 2)
    if least < 1:
        raise ValueError(f"min_steps = {least} does not fit; at least 1 does.")
    inside = torch.stack([accepted(r) for r in beliefs])
    rows: list[Json] = []
    for name in names if names is not None else list(beliefs[0].labels):
        labels = torch.stack([torch.as_tensor(r.labels[name]).long().cpu() for r in beliefs])
        strength, sure = _strength(beliefs, name, min_confidence)
        shown = inside & sure
        for value in labels[:-1].unique().tolist():
            if _word(factors, name, value) in absent or _thing(factors, name, value) in absent:
                continue
            seen = (labels == value) & shown
            for sample in (seen[:-1].any(0) & (labels[-1] != value) & inside[-1]).nonzero().flatten().tolist():
                for first, last in _runs(seen[:, sample]):
                    if last - first + 1 < least:
                        continue
                    best, how = _strongest(strength, first, last, sample)
                    end = _word(factors, name, int(labels[-1, sample]))
                    row = {"sample": sample, "factor": name, "value": _word(factors, name, value), "end": end}
                    rows.append({**row, "first": first, "last": last, "strongest": best, "strength": how})
    return sorted(rows, key=lambda r: (-(r["strength"] or 0.0), r["first"] - r["last"], r["sample"]))


def _thing(factors: Mapping[str, Factor] | None, name: str, value: int) -> str:
    """What sentences call a value, where the factor's values are things (`core.domain.Factor.things`)."""
    things = getattr((factors or {}).get(name), "things", ())
    return str(things[value]) if things else ""


def detours(features: Any, *, least: float = DETOUR) -> list[Json]:
    """Samples whose x̂0 came nearer to the end and then went away from it again; features [N, n, ...], no oracle needed.

    Rows, the largest first: sample, near (the step that was nearest before), strongest (the step farthest away after it),
    size = (d_strongest − d_near) / d_0, of at least `least`.
    """
    x = torch.as_tensor(features).detach().double().cpu()
    if len(x) < 3:
        return []
    d = (x - x[-1:]).flatten(2).norm(dim=-1)
    best_near = d.cummin(0)
    back = (d - best_near.values) / d[0].clamp_min(1e-12)
    size, strongest = back.max(0)
    rows = []
    for j in (size >= least).nonzero().flatten().tolist():
        step = int(strongest[j])
        near = int(best_near.indices[step, j])
        rows.append({"sample": j, "near": near, "strongest": step, "size": float(size[j])})
    return sorted(rows, key=lambda r: -float(r["size"]))


def _strength(beliefs: Sequence[Readings], name: str, least: float) -> tuple[Tensor | None, Tensor]:
    """(strength [N, n] or None, which readings are sure enough [N, n])."""
    n = len(accepted(beliefs[0]))
    all_sure = torch.ones(len(beliefs), n, dtype=torch.bool)
    found = [getattr(r, "confidence", None) for r in beliefs]
    if all(c is not None and name in c for c in found):
        confidence = torch.stack([torch.as_tensor(c[name]).double().cpu() for c in found if c is not None])
        return confidence, confidence >= least
    scores = [getattr(r, "score", None) for r in beliefs]
    if all(s is not None for s in scores):
        return torch.stack([torch.as_tensor(s).double().cpu() for s in scores]), all_sure
    return None, all_sure


def _strongest(strength: Tensor | None, first: int, last: int, sample: int) -> tuple[int, float | None]:
    if strength is None:
        return (first + last) // 2, None
    part = strength[first : last + 1, sample]
    return first + int(part.argmax()), float(part.max())


def _runs(seen: Tensor) -> list[tuple[int, int]]:
    """(first, last) of every run of True in seen [N]."""
    edges = torch.diff(seen.int(), prepend=torch.zeros(1).int(), append=torch.zeros(1).int())
    firsts, ends = (edges == 1).nonzero().flatten().tolist(), (edges == -1).nonzero().flatten().tolist()
    return [(a, b - 1) for a, b in zip(firsts, ends, strict=True)]


def _word(factors: Mapping[str, Factor] | None, name: str, value: int) -> str:
    return factors[name].values[value] if factors is not None and name in factors else str(value)
