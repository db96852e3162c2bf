"""LCM: latent consistency distillation.

Luo et al. 2023 (arXiv 2310.04378). On a grid of K times, one guided teacher step takes x_t to x_r; the student's clean
estimate from x_t must equal its own (EMA) estimate from x_r:

    y = f_EMA(x_r, r, c),     f(x, t) = x0-prediction,     f(x, 0) = x

which for VP in v-space is a plain regression of v on (alpha x_t − y) / sigma. The published Huber distance with a tiny
constant fails on small worlds; v-space mean squares with an annealed learning rate do not.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser, expand, from_x0
from studio.core.material import ConditionalNetwork, Material
from studio.core.method import Card, Method, MethodConfig, Sampling, Streams, Trained
from studio.core.rng import randint
from studio.core.simulate import add_noise, guided_x0
from studio.methods.distill import METHODS


class LCMConfig(MethodConfig):
    batch: int = Field(64, ge=1, le=4096, description="Samples an update")
    grid: int = Field(16, ge=2, le=1000, description="K, times of the teacher's solver; small worlds want 8 to 16")
    timesteps: tuple[float, ...] = Field((999, 749, 499, 249), description="Sampling grid of the student")
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of the teacher's step, baked into the student")
    lr: float = Field(2e-4, gt=0, le=1, description="Learning rate")
    target_ema: float = Field(0.95, ge=0, lt=1, description="EMA of the target network")


@METHODS.add("lcm")
class LCM(Method[LCMConfig]):
    card = Card(
        title="LCM",
        paper="arXiv 2310.04378",
        status="published recipe, v-space mean squares instead of Huber",
        good_for="few-step students that keep the teacher's diversity",
        family="trajectory",
        how="One guided teacher step, then agree with yourself: every state of a trajectory must name the same clean sample.",
    )
    Config = LCMConfig

    def __init__(self, config: LCMConfig, streams: Streams, teacher: Denoiser, material: Material):
        super().__init__(config, streams)
        assert isinstance(teacher.network, ConditionalNetwork)
        self.teacher, self.material = teacher, material
        teacher.network.requires_grad_(False).eval()
        student = teacher.network.student()
        self.student = Denoiser(student, teacher.process, teacher.prediction)
        self.trained = {"student": Trained(student, config.lr, betas=(0.9, 0.99), ema=config.target_ema)}
        # K + 1 whole times from t_max to clean
        self.times = torch.linspace(teacher.process.t_max, 0, config.grid + 1, dtype=torch.float64).round().to(streams.device)

    def batch(self) -> tuple[Tensor, Cond]:
        return self.material.data(self.config.batch, self.streams["data"])

    def iteration(self, batch: tuple[Tensor, Cond], step: int) -> Iterator[tuple[str, Tensor]]:
        x0, cond = batch
        c, process = self.config, self.teacher.process
        index = randint(c.grid, (len(x0),), self.streams["time"])
        t, r = self.times[index], self.times[index + 1]
        clean = index + 1 == c.grid  # x_r is the clean sample: the boundary f(x, 0) = x
        xt = add_noise(process, x0, t, self.material.noise(cond, self.streams["noise"]))
        with torch.no_grad():
            y = guided_x0(self.teacher, xt, t, cond, self.material.null(cond), c.guidance)
            alpha_t, sigma_t = process.alpha_sigma(t)
            eps = (xt - expand(alpha_t, xt) * y) / expand(sigma_t, xt)
            xr = add_noise(process, y, r, eps)  # DDIM step t → r
            target = Denoiser(self.emas["student"], process, self.teacher.prediction).x0(xr, r, cond)
            y = torch.where(clean.view(-1, *([1] * (x0.ndim - 1))), y, target)
            v = from_x0("v", y, xt, alpha_t, sigma_t)
        loss = ((self.student.velocity(xt, t, cond) - v) ** 2).mean()
        self.log["v_mse"] = float(loss.detach())
        yield "student", loss

    def sampling(self) -> Sampling:
        grid = self.config.timesteps
        return Sampling(grid, "lcm", tuple(sorted({min(2, len(grid)), len(grid)})))
