"""A perfect denoiser for data N(mean, spread²), in any prediction and on any process."""

from __future__ import annotations

import torch

from studio.core.denoiser import Denoiser, from_x0
from studio.core.process import VP, Flow, Process

PROCESSES = {"vp": VP.scaled_linear(0.00085, 0.012), "flow": Flow()}
TOP = {"vp": 999.0, "flow": 980.0}  # an eps network says nothing at the very top of a flow


def gaussian(process: Process, kind: str = "x0", mean: float = 0.7, spread: float = 0.4) -> Denoiser:
    """x̂0 = E[x0 | x_t], plus ``cond["push"]`` [B, 1] where given, so that a condition matters."""

    def network(x: torch.Tensor, t: torch.Tensor, cond: dict) -> torch.Tensor:
        alpha, sigma = (c.reshape(-1, *[1] * (x.ndim - 1)) for c in process.alpha_sigma(t.double()))
        x0 = mean + alpha * spread**2 / (alpha**2 * spread**2 + sigma**2) * (x.double() - alpha * mean)
        if "push" in cond:
            x0 = x0 + cond["push"].reshape(-1, *[1] * (x.ndim - 1))
        x0 = x0.to(x.dtype)
        return from_x0(kind, x0, x, alpha.flatten(), sigma.flatten())

    return Denoiser(network, process, kind)


def push(value: float) -> dict[str, torch.Tensor]:
    return {"push": torch.tensor([[value]])}


NONE = ({}, None)


def mixture(process: Process, centres: torch.Tensor, weights: torch.Tensor, spread: float = 0.2) -> Denoiser:
    """A perfect denoiser for modes N(centre_k, spread²) [K, D] with weights [K], on samples [B, D]."""

    def network(x: torch.Tensor, t: torch.Tensor, cond: dict) -> torch.Tensor:
        alpha, sigma = (c.reshape(-1, 1) for c in process.alpha_sigma(t.double()))
        y, own = x.double(), alpha**2 * spread**2 + sigma**2  # own: variance of x_t inside a mode
        share = torch.softmax(weights.log() - ((y[:, None] - alpha[..., None] * centres) ** 2).sum(-1) / (2 * own), 1)
        middle = share @ centres
        return (middle + alpha * spread**2 / own * (y - alpha * middle)).to(x.dtype)

    return Denoiser(network, process, "x0")
