"""Timesteps as diffusers' FlowMatchEulerDiscreteScheduler lays them, from its config. No torch.

t = train · σ, and σ is shifted towards noise: by a factor that the config names (SD3, Esser et al. 2024, arXiv 2403.03206,
section 5.3.2), or by one that grows with the number of image tokens (`use_dynamic_shifting`, Flux).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from studio.core.files import Json

Ends = Literal["trailing", "linspace"]  # 1 … 1/n, as FluxPipeline asks; both ends of the schedule, as the scheduler has it
SCHEDULER = "FlowMatchEulerDiscreteScheduler"
UNREAD = ("invert_sigmas", "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")  # settings that lay other grids


def flow_grid(scheduler: Json, n: int, tokens: int, ends: Ends) -> tuple[float, ...]:
    """n timesteps, decreasing. tokens: positions of the image that attend to one another. ValueError where n does not fit."""
    train = int(scheduler.get("num_train_timesteps", 1000))
    if not 1 <= n <= train:
        raise ValueError(f"{n} steps do not fit; 1 to {train} would")
    shift = _shift(scheduler, tokens)
    if ends == "trailing":
        sigmas = [1 - i / n for i in range(n)]
    else:
        # a scheduler that shifts by a factor has shifted its own ends already, and shifts what lies between them again
        low = 1 / train if scheduler.get("use_dynamic_shifting") else shift(1 / train)
        sigmas = [1 - i * (1 - low) / max(n - 1, 1) for i in range(n)]
    return tuple(train * sigma for sigma in _stretched([shift(sigma) for sigma in sigmas], scheduler.get("shift_terminal")))


def _shift(scheduler: Json, tokens: int) -> Callable[[float], float]:
    if not scheduler.get("use_dynamic_shifting"):
        factor = float(scheduler.get("shift", 1.0))
    else:
        mu = _mu(scheduler, tokens)
        factor = mu if scheduler.get("time_shift_type", "exponential") == "linear" else math.exp(mu)
    return lambda sigma: factor * sigma / (1 + (factor - 1) * sigma)


def _mu(scheduler: Json, tokens: int) -> float:
    """A line through (base_image_seq_len, base_shift) and (max_image_seq_len, max_shift)."""
    low, high = int(scheduler.get("base_image_seq_len", 256)), int(scheduler.get("max_image_seq_len", 4096))
    first, last = float(scheduler.get("base_shift", 0.5)), float(scheduler.get("max_shift", 1.15))
    slope = (last - first) / (high - low)
    return tokens * slope + first - slope * low


def _stretched(sigmas: Sequence[float], terminal: float | None) -> list[float]:
    """So that the last σ is `terminal`; as they are where none is named, or where there is nothing to stretch."""
    if not terminal or sigmas[-1] == 1:
        return list(sigmas)
    scale = (1 - sigmas[-1]) / (1 - terminal)
    return [1 - (1 - sigma) / scale for sigma in sigmas]
