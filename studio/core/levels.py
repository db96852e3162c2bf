"""Places on a forward process, and how a state gets from one to the next, as numbers. Needs no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

CLEAN = -1.0  # the time that means no noise at all
L_contra = TypeVar("L_contra", contravariant=True)


class Level(Protocol):
    """t: the time, `CLEAN` where nothing is hidden. noise: falls at every step of a plan, whatever the process; 0 is clean and
    inf is nothing but noise, and equal values of two processes hide as much. scale: what states are in proportion to, so that
    one may be passed on at the same noise; 1 where states have no size."""

    @property
    def t(self) -> float: ...
    @property
    def noise(self) -> float: ...
    @property
    def scale(self) -> float: ...


class Update(Protocol[L_contra]):
    """One step's numbers, hashable: equal ones make an equal state of equal ones. noise: how much of a fresh draw comes in; 0
    draws none. previous: how much of the belief of the step before."""

    @property
    def noise(self) -> float: ...
    @property
    def previous(self) -> float: ...
    def modulated(self, rho: float) -> Update[L_contra]:
        """With rho times the fresh noise; ValueError where noise has no size."""

    def raised(self, low: L_contra, high: L_contra) -> Update[L_contra]:
        """The same step, then back up from ``low`` to ``high`` by the forward process."""


@dataclass(frozen=True)
class GaussianLevel:
    """Of x_t = alpha x0 + sigma eps, with float64 coefficients."""

    t: float
    alpha: float
    sigma: float

    @property
    def noise(self) -> float:
        """A = sigma / alpha, inf where there is no signal."""
        return self.sigma / self.alpha if self.alpha > 0 else math.inf

    @property
    def scale(self) -> float:
        return self.sigma


@dataclass(frozen=True)
class Weights:
    """x_s = x · x_t + x0 · x̂0 + previous · x̂0_before + noise · z: every rule of a Gaussian process."""

    x: float
    x0: float
    previous: float = 0.0
    noise: float = 0.0

    def modulated(self, rho: float) -> Weights:
        """With rho times the fresh noise."""
        return self if rho == 1 else replace(self, noise=rho * self.noise)

    def raised(self, low: GaussianLevel, high: GaussianLevel) -> Weights:
        """The same step, then back up from ``low`` to ``high`` by the forward process (Xu et al. 2023, arXiv 2306.14878, eq. 3).

        x_high = r x_low + k z with r = alpha_high / alpha_low, k² = sigma_high² − r² sigma_low²; two independent draws add
        up to one.
        """
        r = high.alpha / low.alpha
        rise = max(high.sigma**2 - (r * low.sigma) ** 2, 0.0)
        return Weights(
            x=r * self.x, x0=r * self.x0, previous=r * self.previous, noise=math.hypot(r * self.noise, math.sqrt(rise))
        )
