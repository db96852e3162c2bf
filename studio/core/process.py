"""Forward processes: how much signal and how much noise a time holds.

Time is the model's own timestep as a float (0 = clean). The Gaussian ones are ``x_t = alpha(t) x0 + sigma(t) eps`` with
eps ~ N(0, I); their coefficients are float64, because ``alpha`` is near zero where few-step students start.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol, TypeVar, cast, runtime_checkable

import torch
from torch import Tensor

from studio.core.levels import CLEAN, GaussianLevel, Level, Update, Weights
from studio.core.prediction import Prediction, to_x0
from studio.core.rng import noise

L = TypeVar("L", bound=Level)
U = TypeVar("U", bound=Update, contravariant=True)


class Process(Protocol[L, U]):
    """What sampling asks of a forward process: levels, draws, beliefs and moves.

    kind: "gaussian", "masked", …: update rules, remedies and objectives name the kinds they fit. t_max: the time of pure noise.
    """

    kind: str
    t_max: float

    def level(self, t: float) -> L:
        """The `core.levels.Level` at a time; t < 0 is clean on every process."""

    def time_of(self, level: Tensor | float) -> Tensor | float:
        """The time at which so much is hidden (`Level.noise`), within [0, t_max]."""

    def draw(self, seeds: Sequence[int], position: int, shape: Sequence[int]) -> Tensor:
        """[len(seeds), ...]: all that a step may need of chance, a function of seed and position. shape: of one sample."""

    def begin(self, level: L, how: str) -> float:
        """What decides the first state besides the draw, hashable: plans that begin alike share their first steps. how: of
        the plan (`sampling.plan.Plan.start`)."""

    def start(self, z: Tensor, begun: float) -> Tensor:
        """The first state [N, *shape] of a draw."""

    def passed_on(self, x: Tensor, scale: float, level: L) -> Tensor:
        """A state that another model left at the same noise, in this process's scale. scale: of the level it was left at."""

    def believe(self, prediction: str, F: Tensor, x: Tensor, level: L) -> Tensor:
        """What is believed of the clean sample, from a network's output: x̂0 [N, *shape], or logits [N, *shape, K]."""

    def move(self, update: U, x: Tensor, belief: Tensor, before: Tensor | None, z: Tensor | None) -> Tensor:
        """The next state, by a rule's numbers (`core.levels.Update`). before: the belief of the step before; z: a draw."""


@runtime_checkable
class Noising(Protocol):
    """A process that can hide a given sample in part."""

    def noised(self, x0: Tensor, z: Tensor, level: Level) -> Tensor:
        """The state [N, *shape] at a level, of clean samples [1 or N, *shape] and a draw."""


def noising(process: Process) -> Noising:
    """The process as one that can hide a given sample. ValueError in one sentence where it cannot."""
    if isinstance(process, Noising):
        return process
    raise ValueError(f"a {process.kind} process begins with nothing known, so a sample to begin with does not fit; leave it out")


class Gaussian(ABC):
    """x_t = alpha(t) x0 + sigma(t) eps, eps ~ N(0, I): all but its two coefficients."""

    kind = "gaussian"
    t_max: float

    @abstractmethod
    def alpha_sigma(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        """Coefficients (alpha, sigma), float64, shaped like ``t``."""

    @abstractmethod
    def time_of(self, level: Tensor | float) -> Tensor:
        """Inverse of `noise_level`, clamped to [0, t_max]."""

    def noise_level(self, t: Tensor | float) -> Tensor:
        """sigma / alpha, float64; grows with t; ``inf`` where alpha is zero."""
        alpha, sigma = self.alpha_sigma(t)
        return torch.where(alpha > 0, sigma / alpha.clamp_min(1e-300), torch.full_like(alpha, math.inf))

    def level(self, t: float) -> GaussianLevel:
        if t < 0:
            return GaussianLevel(CLEAN, 1.0, 0.0)
        alpha, sigma = self.alpha_sigma(t)
        return GaussianLevel(float(t), float(alpha), float(sigma))

    def draw(self, seeds: Sequence[int], position: int, shape: Sequence[int]) -> Tensor:
        """Standard normal, [len(seeds), *shape]."""
        return noise(seeds, position, shape)

    def begin(self, level: GaussianLevel, how: str) -> float:
        """The scale of x_T: "marginal" is sqrt(alpha² + sigma²), anything else sigma."""
        return math.hypot(level.alpha, level.sigma) if how == "marginal" else level.sigma

    def start(self, z: Tensor, begun: float) -> Tensor:
        return z * begun

    def noised(self, x0: Tensor, z: Tensor, level: GaussianLevel) -> Tensor:
        return x0 * level.alpha + z * level.sigma

    def passed_on(self, x: Tensor, scale: float, level: GaussianLevel) -> Tensor:
        return x if level.scale == scale else x * (level.scale / scale)

    def believe(self, prediction: str, F: Tensor, x: Tensor, level: GaussianLevel) -> Tensor:
        alpha, sigma = (torch.tensor(c, dtype=torch.float64) for c in (level.alpha, level.sigma))
        return to_x0(cast(Prediction, prediction), F, x, alpha, sigma)

    def move(self, update: Weights, x: Tensor, belief: Tensor, before: Tensor | None, z: Tensor | None) -> Tensor:
        """x_s = w.x x_t + w.x0 x̂0 + w.previous x̂0_before + w.noise z."""
        w, x0 = update, belief
        if (w.x, w.x0, w.previous, w.noise) == (0.0, 1.0, 0.0, 0.0):
            return x0
        after = x0 * w.x0
        if w.x:
            after = torch.add(after, x, alpha=w.x)
        if w.previous:
            assert before is not None, "a multistep rule looks back only after a step of its own"
            after = torch.add(after, before, alpha=w.previous)
        if w.noise:
            assert z is not None
            after = torch.add(after, z, alpha=w.noise)
        return after


def _as64(t: Tensor | float) -> Tensor:
    return torch.as_tensor(t, dtype=torch.float64)


class VP(Gaussian):
    """Variance preserving, alpha² + sigma² = 1, from the cumulative alphas of a diffusers scheduler.

    Integer timesteps reproduce ``alphas_cumprod`` exactly; between them log(noise level) is interpolated linearly.
    ``t < 0`` means clean (alpha = 1), which is where the last step of a plan lands.
    """

    def __init__(self, alphas_cumprod: Tensor):
        abar = torch.as_tensor(alphas_cumprod, dtype=torch.float64).cpu()
        if abar.ndim != 1 or len(abar) < 2 or not bool((abar[1:] <= abar[:-1]).all()):
            raise ValueError("alphas_cumprod must be a decreasing vector of at least two values")
        self.alphas_cumprod = abar
        self.t_max = float(len(abar) - 1)
        # log noise level; a zero terminal SNR is kept finite here and restored to inf in noise_level
        self._log_level = 0.5 * (torch.log1p(-abar) - torch.log(abar.clamp_min(1e-20)))
        self._copies = {abar.device: (abar, self._log_level)}

    def _tables(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """(cumulative alphas, log noise levels) on a device, copied there once: training asks in every iteration."""
        if device not in self._copies:
            self._copies[device] = (self.alphas_cumprod.to(device), self._log_level.to(device))
        return self._copies[device]

    @classmethod
    def scaled_linear(cls, beta_start: float, beta_end: float, steps: int = 1000) -> VP:
        """The schedule of Stable Diffusion: sqrt(beta) linear in t."""
        betas = torch.linspace(beta_start**0.5, beta_end**0.5, steps, dtype=torch.float32) ** 2
        return cls(torch.cumprod(1.0 - betas, 0))

    def alpha_sigma(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        t64 = _as64(t)
        alphas, levels = self._tables(t64.device)
        low = t64.floor().clamp(0, self.t_max).long()
        high = (low + 1).clamp(max=int(self.t_max))
        frac = (t64 - low).clamp(0, 1)
        log_level = levels[low] * (1 - frac) + levels[high] * frac
        abar = torch.where(frac == 0, alphas[low], torch.sigmoid(-2 * log_level))
        abar = torch.where(t64 < 0, torch.ones_like(abar), abar)
        return abar.sqrt(), (1 - abar).sqrt()

    def time_of(self, level: Tensor | float) -> Tensor:
        log_level = torch.log(_as64(level).clamp(1e-12, 1e12)).cpu()
        grid = self._log_level
        high = torch.searchsorted(grid, log_level.contiguous()).clamp(1, len(grid) - 1)
        low = high - 1
        frac = ((log_level - grid[low]) / (grid[high] - grid[low]).clamp_min(1e-12)).clamp(0, 1)
        return low + frac


class Flow(Gaussian):
    """Rectified flow, alpha = 1 − s, sigma = s, with timestep t = 1000 s (SD3, FLUX)."""

    def __init__(self, t_max: float = 1000.0):
        self.t_max = t_max

    def alpha_sigma(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        s = (_as64(t) / self.t_max).clamp(0, 1)
        return 1 - s, s

    def time_of(self, level: Tensor | float) -> Tensor:
        level64 = _as64(level)
        s = torch.where(torch.isinf(level64), torch.ones_like(level64), level64 / (1 + level64))
        return s * self.t_max
