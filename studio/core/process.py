"""Forward processes: how much signal and how much noise a time holds.

Every process is ``x_t = alpha(t) x0 + sigma(t) eps`` with eps ~ N(0, I). Time is the model's own timestep as a float
(0 = clean). Coefficients are float64, because ``alpha`` is near zero where few-step students start.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor


class Process(Protocol):
    """What samplers and losses need to know about a forward process."""

    t_max: float

    def alpha_sigma(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        """Coefficients (alpha, sigma), float64, shaped like ``t``."""
        ...

    def noise_level(self, t: Tensor | float) -> Tensor:
        """sigma / alpha, float64; grows with t; ``inf`` where alpha is zero."""
        ...

    def time_of(self, level: Tensor | float) -> Tensor:
        """Inverse of `noise_level`, clamped to [0, t_max]."""
        ...


def _as64(t: Tensor | float) -> Tensor:
    return torch.as_tensor(t, dtype=torch.float64)


class VP:
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

    def noise_level(self, t: Tensor | float) -> Tensor:
        alpha, sigma = self.alpha_sigma(t)
        return torch.where(alpha > 0, sigma / alpha.clamp_min(1e-300), torch.full_like(alpha, math.inf))

    def time_of(self, level: Tensor | float) -> Tensor:
        log_level = torch.log(_as64(level).clamp(1e-12, 1e12)).cpu()
        grid = self._log_level
        high = torch.searchsorted(grid, log_level.contiguous()).clamp(1, len(grid) - 1)
        low = high - 1
        frac = ((log_level - grid[low]) / (grid[high] - grid[low]).clamp_min(1e-12)).clamp(0, 1)
        return low + frac


class Flow:
    """Rectified flow, alpha = 1 − s, sigma = s, with timestep t = 1000 s (SD3, FLUX)."""

    def __init__(self, t_max: float = 1000.0):
        self.t_max = t_max

    def alpha_sigma(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        s = (_as64(t) / self.t_max).clamp(0, 1)
        return 1 - s, s

    def noise_level(self, t: Tensor | float) -> Tensor:
        alpha, sigma = self.alpha_sigma(t)
        return torch.where(alpha > 0, sigma / alpha.clamp_min(1e-300), torch.full_like(alpha, math.inf))

    def time_of(self, level: Tensor | float) -> Tensor:
        level64 = _as64(level)
        s = torch.where(torch.isinf(level64), torch.ones_like(level64), level64 / (1 + level64))
        return s * self.t_max
