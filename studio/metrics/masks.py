"""Which step gives the diversity back? Effects of single positions from all base/student masks of a grid of N steps.

A mask is one letter a position, B = the base takes the step, S = the student does. With a figure v(mask) for all 2^N:

- Shapley value (Shapley 1953): the mean gain of turning position i from S to B over all orders in which positions can be
  turned, so that the values of all positions sum to v(all base) − v(all student).
- main effect: the mean of v over masks with B at i minus the mean over masks with S at i (a 2^N factorial design).
- alone: gain of i over the student; last: gain of i when all others are base already. Far apart, they mean interaction.

All are linear in v, so paired bootstrap draws pass through exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import factorial

from studio.core.files import Json
from studio.metrics.interval import Estimate, combined
from studio.metrics.study import PooledArm

MAX_STEPS = 5  # 32 masks; every further step doubles the study


def all_masks(n: int) -> list[str]:
    """The 2^n masks, student first: SS, SB, BS, BB for n = 2."""
    if not 1 <= n <= MAX_STEPS:
        raise ValueError(f"Masks of {n} steps do not fit; 1 to {MAX_STEPS} do.")
    return ["".join(letters) for letters in product("SB", repeat=n)]


def mask_study(arms: Mapping[str, PooledArm], names: Mapping[str, str] | None = None) -> Json:
    """Effects on diversity and on accuracy, JSON-ready: {"n", "missing", "diversity": …, "accuracy": …}.

    `names`: mask -> arm, where arms are not named by their mask. While masks are missing, both figures are None.
    """
    by_mask = dict(names) if names is not None else {m: m for m in arms if m and not set(m) - set("BS")}
    if not by_mask:
        raise ValueError("There are no masks among the arms; name arms by their mask (BSSS) or give `names`.")
    n = len(next(iter(by_mask)))
    missing = [m for m in all_masks(n) if by_mask.get(m) not in arms]
    odd = [m for m in by_mask if len(m) != n or set(m) - set("BS")]
    if odd:
        raise ValueError(f"Mask {odd[0]!r} does not fit; {n} letters, each B or S, would.")
    out: Json = {"n": n, "missing": missing, "diversity": None, "accuracy": None}
    if not missing:
        out["diversity"] = effects({m: arms[a].diversity for m, a in by_mask.items()})
        out["accuracy"] = effects({m: arms[a].right for m, a in by_mask.items()})
    return out


def effects(values: Mapping[str, Estimate]) -> Json:
    """{"positions": [{position, shapley, main, alone, last}], "total", "masks"} with intervals, from v by mask.

    `total` = v(all base) − v(all student), which the Shapley values sum to.
    """
    estimates = shapley(values)
    n = len(estimates)
    rows = []
    for i in range(n):
        others = ["".join(m[:i] + m[i + 1 :]) for m in values if m[i] == "B"]
        weight = 1 / len(others)
        main = combined([(s * weight, values[_with(m, i, letter)]) for m in others for letter, s in (("B", 1), ("S", -1))])
        alone, last = (values[_with(m * (n - 1), i, "B")] - values[_with(m * (n - 1), i, "S")] for m in "SB")
        figures = {"shapley": estimates[i], "main": main, "alone": alone, "last": last}
        rows.append({"position": i, **{k: e.interval().to_dict() for k, e in figures.items()}})
    total = values["B" * n] - values["S" * n]
    seen = {m: values[m].interval().to_dict() for m in all_masks(n)}
    return {"positions": rows, "total": total.interval().to_dict(), "masks": seen}


def shapley(values: Mapping[str, Estimate]) -> list[Estimate]:
    """Exact Shapley value of every position, with draws; needs all 2^N masks."""
    n = len(next(iter(values), ""))
    missing = [m for m in all_masks(n) if m not in values]
    if missing or len(values) != 2**n:
        raise ValueError(f"{len(values)} masks do not fit; all {2**n} of {n} steps are needed{_named(missing)}.")
    return [combined(list(_terms(values, i, n))) for i in range(n)]


def _terms(values: Mapping[str, Estimate], i: int, n: int) -> Iterator[tuple[float, Estimate]]:
    """(weight, v) of φ_i = Σ over the others' masks with s base steps of s! (N − 1 − s)! / N! · (v with B − v with S)."""
    for others in product("SB", repeat=n - 1):
        s = others.count("B")
        weight = factorial(s) * factorial(n - 1 - s) / factorial(n)
        yield weight, values[_with("".join(others), i, "B")]
        yield -weight, values[_with("".join(others), i, "S")]


def _with(others: str, i: int, letter: str) -> str:
    return others[:i] + letter + others[i:]


def _named(missing: list[str]) -> str:
    return f"; {', '.join(missing[:4])}{', …' if len(missing) > 4 else ''} missing" if missing else ""
