"""What the network of a Gaussian process says, and the x0 that it means.

With ``x_t = alpha x0 + sigma eps`` every common prediction F gives x0 by one line, so samplers and losses ask for x0, eps or
velocity and never for the kind of network.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Prediction = Literal["x0", "eps", "v", "flow"]


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
