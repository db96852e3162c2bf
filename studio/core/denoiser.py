"""One contract for everything that denoises.

With ``x_t = alpha x0 + sigma eps`` every common prediction F gives x0 by one line (DESIGN: table of four rows), so
samplers and losses ask for x0, eps or velocity and never for the kind of network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from studio.core.process import Process

Prediction = Literal["x0", "eps", "v", "flow"]
Cond = Mapping[str, Tensor]  # a tree of tensors, batch axis first
Network = Callable[[Tensor, Tensor, Cond], Tensor]  # (x [B, ...], t [B], cond) -> F [B, ...]


def expand(coefficient: Tensor, x: Tensor) -> Tensor:
    """Shape a per-sample coefficient [B] (or scalar) to multiply x [B, ...], in x's dtype."""
    c = coefficient.to(device=x.device, dtype=x.dtype)
    return c if c.ndim == 0 else c.reshape(-1, *([1] * (x.ndim - 1)))


def to_x0(kind: Prediction, F: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """x0 from any prediction F. alpha, sigma: float64 scalars or [B]."""
    if kind == "x0":
        return F
    if kind == "eps":
        if bool((alpha <= 0).any()):
            raise ValueError("an eps-prediction network says nothing about x0 where alpha = 0; use v, flow or x0 prediction")
        return (x - expand(sigma, x) * F) / expand(alpha, x)
    if kind == "v":  # v = alpha eps − sigma x0
        norm = alpha**2 + sigma**2
        return expand(alpha / norm, x) * x - expand(sigma / norm, x) * F
    if kind == "flow":  # F = eps − x0
        return (x - expand(sigma, x) * F) / expand(alpha + sigma, x)
    raise ValueError(f"prediction {kind!r} is unknown; one of x0, eps, v, flow fits")


def from_x0(kind: Prediction, x0: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """The network output F of the given kind that means this x0 (sigma > 0 except for kind x0)."""
    if kind == "x0":
        return x0
    eps = (x - expand(alpha, x) * x0) / expand(sigma, x)
    if kind == "eps":
        return eps
    if kind == "v":
        return expand(alpha, x) * eps - expand(sigma, x) * x0
    if kind == "flow":
        return eps - x0
    raise ValueError(f"prediction {kind!r} is unknown; one of x0, eps, v, flow fits")


class Denoiser:
    """A network with the process it was trained under. Shapes are [B, ...]; nothing assumes an image."""

    def __init__(self, network: Network, process: Process, prediction: Prediction):
        self.network, self.process, self.prediction = network, process, prediction
        self.calls = 0  # network evaluations so far, one per call whatever the batch

    def output(self, x: Tensor, t: Tensor | float, cond: Cond) -> tuple[Tensor, Tensor, Tensor]:
        """(F, alpha, sigma) at time t (scalar or [B])."""
        self.calls += 1
        t64 = torch.as_tensor(t, dtype=torch.float64)
        alpha, sigma = self.process.alpha_sigma(t64)
        batch_t = (
            t64.to(device=x.device, dtype=torch.float32).expand(x.shape[0]) if t64.ndim == 0 else t64.to(x.device, torch.float32)
        )
        return self.network(x, batch_t, cond), alpha, sigma

    def x0(self, x: Tensor, t: Tensor | float, cond: Cond) -> Tensor:
        F, alpha, sigma = self.output(x, t, cond)
        return to_x0(self.prediction, F, x, alpha, sigma)

    def eps(self, x: Tensor, t: Tensor | float, cond: Cond) -> Tensor:
        F, alpha, sigma = self.output(x, t, cond)
        if self.prediction == "eps":
            return F
        x0 = to_x0(self.prediction, F, x, alpha, sigma)
        return from_x0("eps", x0, x, alpha, sigma)

    def velocity(self, x: Tensor, t: Tensor | float, cond: Cond) -> Tensor:
        """v = alpha eps − sigma x0, finite at every time."""
        F, alpha, sigma = self.output(x, t, cond)
        if self.prediction == "v":
            return F
        return from_x0("v", to_x0(self.prediction, F, x, alpha, sigma), x, alpha, sigma)
