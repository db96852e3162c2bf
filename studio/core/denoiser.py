"""One contract for everything that denoises."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from studio.core.prediction import Prediction as Prediction
from studio.core.prediction import expand as expand
from studio.core.prediction import from_x0 as from_x0
from studio.core.prediction import to_x0 as to_x0
from studio.core.process import Gaussian, Process

Cond = Mapping[str, Tensor]  # a tree of tensors, batch axis first
Network = Callable[[Tensor, Tensor, Cond], Tensor]  # (x [B, ...], t [B], cond) -> F [B, ...]


class Predictor:
    """A network with the process it was trained under. Shapes are [B, ...]; nothing assumes an image.

    prediction: what its output F means, by a name that its process knows.
    """

    def __init__(self, network: Network, process: Process, prediction: str):
        self.network, self.process, self.prediction = network, process, prediction
        self.calls = 0  # network evaluations so far, one per call whatever the batch

    def predict(self, x: Tensor, t: Tensor | float, cond: Cond) -> Tensor:
        """F [B, ...] at time t (scalar or [B])."""
        self.calls += 1
        t64 = torch.as_tensor(t, dtype=torch.float64)
        batch_t = (
            t64.to(device=x.device, dtype=torch.float32).expand(x.shape[0]) if t64.ndim == 0 else t64.to(x.device, torch.float32)
        )
        return self.network(x, batch_t, cond)


class Denoiser(Predictor):
    """Of a Gaussian process: what samplers and losses ask for, whatever the network predicts."""

    process: Gaussian
    prediction: Prediction

    def __init__(self, network: Network, process: Gaussian, prediction: Prediction):
        super().__init__(network, process, prediction)

    def output(self, x: Tensor, t: Tensor | float, cond: Cond) -> tuple[Tensor, Tensor, Tensor]:
        """(F, alpha, sigma) at time t (scalar or [B])."""
        alpha, sigma = self.process.alpha_sigma(torch.as_tensor(t, dtype=torch.float64))
        return self.predict(x, t, cond), alpha, sigma

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
        if self.prediction == "flow":  # eps = x0 + F, where sigma = 0 too
            x0 = to_x0("flow", F, x, alpha, sigma)
            return expand(alpha, x) * (x0 + F) - expand(sigma, x) * x0
        return from_x0("v", to_x0(self.prediction, F, x, alpha, sigma), x, alpha, sigma)
