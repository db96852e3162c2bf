"""Everything a page of sliders shows of the prototype laboratory, in one JSON-ready dict and fast enough to drag.

Nothing is approximated for speed. Base and student see x_t only through its products with the K prototypes, and all they
return lies in the prototypes' span; Gaussian noise outside that span changes nothing and inside it is again standard Gaussian.
So the same laboratory in the at most K coordinates of the span has exactly the same distribution, at any D.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Literal

import torch
from torch import Tensor

from studio.core.files import Json
from studio.metrics.interval import Interval
from studio.metrics.mixture_lab import Lab, Outcome

Order = Literal["base first", "student first"]
PAGE_N = 1000  # samples an arm: effective modes are then known to about ±0.2 of 8
KAPPA_OPEN, KAPPA_KEPT = 3.0, 3.0  # κ of the first step below, κ of the second above: the research notes' ≲ 2–3 and ≳ 3–5


class SpanLab(Lab):
    """`Lab` in an orthonormal basis of the prototypes' span: the same law, other random numbers, cost independent of D."""

    @cached_property
    def prototypes(self) -> Tensor:
        """[K, min(K, D)] float64: L of μ = L Q with orthonormal rows of Q, so that all distances are as in R^D."""
        mu = Lab(D=self.D, K=self.K, seed=self.seed).prototypes
        return torch.linalg.qr(mu.T).R.T if self.D > self.K else mu

    @property
    def width(self) -> int:
        return min(self.K, self.D)


def lab_page(
    D: int = 256,
    beta: float = 3.0,
    K: int = 8,
    k: int = 1,
    order: Order = "base first",
    *,
    ratio: float = 0.83,
    n: int = PAGE_N,
    seed: int = 0,
) -> Json:
    """Arms, evidence and prior for one position of the sliders.

    Args:
        D: dimensions, 1…4096; beta: mode seeking of the student's prior, ≥ 0 (1 = none); K: prototypes, 2…32; ratio of
            successive weights, in (0, 1].
        k, order: the arm of the sliders, k base steps of the grid's N, before the student's or after them.
        n: samples an arm; seed: of prototypes and noise.

    Returns settings; grid [{t, noise_level, kappa}]; weights {world, student} (prior of every prototype); arms [{name, mask,
    nfe, modes, distance (intervals), share (of prototypes among samples), recovered (share of the student's loss in modes, None
    without a loss), decided (share of samples whose nearest prototype after each network call is already their last), chosen}];
    regime {first_open, second_kept}; sentence.
    """
    if order not in ("base first", "student first"):
        raise ValueError(f"The order {order!r} does not fit; 'base first' or 'student first' does.")
    if not 1 <= D <= 4096 or not 2 <= K <= 32:
        raise ValueError(f"D = {D}, K = {K} do not fit; D runs from 1 to 4096 and K from 2 to 32.")
    return copy.deepcopy(_page(int(D), float(beta), int(K), int(k), order, float(ratio), int(n), int(seed)))


@lru_cache(maxsize=64)
def _page(D: int, beta: float, K: int, k: int, order: str, ratio: float, n: int, seed: int) -> Json:
    lab = SpanLab(D=D, beta=beta, K=K, ratio=ratio, n=n, seed=seed, n_boot=100, pair_samples=200)
    N = len(lab.grid)
    if not 0 <= k <= N:
        raise ValueError(f"k = {k} base steps do not fit a grid of {N}; 0 to {N} do.")
    chosen = "B" * k + "S" * (N - k) if order == "base first" else "S" * (N - k) + "B" * k
    masks = {"base grid": "B" * N, "student": "S" * N}
    masks |= {f"hybrid-{i}": "B" * i + "S" * (N - i) for i in range(1, N)} | {"skip-first": "-" + "S" * (N - 1)}
    outcomes = lab.table()
    if chosen not in masks.values():
        outcomes["chosen"], masks["chosen"] = lab.sample(chosen), chosen
    arms = [_arm(name, masks.get(name), o, outcomes, K, chosen) for name, o in outcomes.items()]
    kappas = [lab.kappa(t) for t in lab.grid]
    prior = lab.weights**beta
    return {
        "settings": {"D": D, "beta": beta, "K": K, "k": k, "order": order, "ratio": ratio, "n": n, "seed": seed},
        "grid": [
            {"t": t, "noise_level": float(lab.process.noise_level(t)), "kappa": x} for t, x in zip(lab.grid, kappas, strict=True)
        ],
        "weights": {"world": lab.weights.tolist(), "student": (prior / prior.sum()).tolist()},
        "arms": arms,
        "regime": {"first_open": kappas[0] <= KAPPA_OPEN, "second_kept": kappas[1] >= KAPPA_KEPT},
        "sentence": _sentence(arms, kappas),
    }


def _arm(name: str, mask: str | None, o: Outcome, outcomes: Mapping[str, Outcome], K: int, chosen: str) -> Json:
    base, student = outcomes["base"].modes, outcomes["student"].modes
    recovered = None
    lost = (base.value or 0.0) - (student.value or 0.0)
    if base.apart(student) and lost > 0 and o.modes.value is not None and name not in ("base", "student"):
        recovered = (o.modes.value - (student.value or 0.0)) / lost
    return {
        "name": name, "mask": mask, "nfe": o.nfe, "modes": o.modes.to_dict(), "distance": o.distance.to_dict(),
        "share": (torch.bincount(o.labels, minlength=K).double() / len(o.labels)).tolist(), "recovered": recovered,
        "decided": (o.beliefs == o.labels).double().mean(1).tolist(), "chosen": mask == chosen,
    }  # fmt: skip


def _sentence(arms: list[Json], kappas: list[float]) -> str:
    """What happened here, and the evidence that explains it."""
    by_name = {a["name"]: a for a in arms}
    base, student, chosen = by_name["base"], by_name["student"], next(a for a in arms if a["chosen"])
    evidence = f"The evidence κ is {kappas[0]:.2g} at the first step and {kappas[1]:.2g} at the second."
    low, high = (Interval.from_dict(a["modes"]).text(1) for a in (student, base))
    if by_name["hybrid-1"]["recovered"] is None:
        return f"The student loses no modes here ({low} against {high}), so there is nothing to give back. {evidence}"
    named = [a for a in arms if a["name"] in ("hybrid-1", "skip-first", "student-first")]
    shares = ", ".join(f"{a['name']} {100 * a['recovered']:.0f} %" for a in named)
    own = "" if chosen in (student, *named) else f"; the chosen {chosen['mask']} {100 * chosen['recovered']:.0f} %"
    return f"The student keeps {low} of the base's {high} effective modes; given back: {shares}{own}. {evidence}"
