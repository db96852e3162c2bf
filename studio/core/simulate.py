"""Few-step sampling of a student inside training (backward simulation), and pieces that objectives share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser, expand
from studio.core.process import Process


def add_noise(process: Process, x0: Tensor, t: Tensor | float, eps: Tensor) -> Tensor:
    """x_t = alpha(t) x0 + sigma(t) eps; t scalar or [B]."""
    alpha, sigma = process.alpha_sigma(torch.as_tensor(t, dtype=torch.float64))
    return expand(alpha, x0) * x0 + expand(sigma, x0) * eps


def guided_x0(denoiser: Denoiser, x: Tensor, t: Tensor | float, cond: Cond, null: Cond, w: float) -> Tensor:
    """x0 of classifier-free guidance, x0_null + w (x0_cond − x0_null); one doubled batch, or plain when w is 1.

    Linear in any parameterisation (Ho & Salimans 2022), so guiding x0 equals guiding eps at the same weight.
    """
    if w == 1:
        return denoiser.x0(x, t, cond)
    both = {k: torch.cat([cond[k], null[k]]) for k in cond}
    t64 = torch.as_tensor(t, dtype=torch.float64)
    conditional, unconditional = denoiser.x0(torch.cat([x, x]), t64 if t64.ndim == 0 else torch.cat([t64, t64]), both).chunk(2)
    return unconditional + w * (conditional - unconditional)


def backward_simulation(
    student: Denoiser, cond: Cond, timesteps: Sequence[float], last: int, draw: Callable[[], Tensor]
) -> tuple[Tensor, float]:
    """The student's own input at grid position ``last`` (DMD2, Yin et al. 2024, section 4.5).

    Starts from noise and runs ``last`` steps of multistep consistency sampling without gradient; no data is touched.
    Returns (x_t [B, ...], t) ready for the one step that carries the gradient.
    """
    x = draw()
    with torch.no_grad():
        for k in range(last):
            x0 = student.x0(x, timesteps[k], cond)
            x = add_noise(student.process, x0, timesteps[k + 1], draw())
    return x, timesteps[last]
