"""DMD2: distribution matching distillation, few steps, backward simulation.

Yin et al. 2024, "Improved Distribution Matching Distillation for Fast Image Synthesis" (arXiv 2405.14867). Three
networks: teacher T (frozen, guided), student G, fake score S that follows G's samples. With x = G(...) and
x_t = alpha x + sigma eps, the gradient of KL(student || teacher) on x is −A / n,

    A = x0_T(x_t) − x0_S(x_t),        n = mean |x − x0_T|   (equation 7 of DMD, arXiv 2311.18828)

A reverse KL against a strongly guided teacher is mode seeking: that is where diversity goes missing. The published GAN
term is left out (not tried here): without it no data is needed at all.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor, nn

from studio.core.denoiser import Cond, Denoiser
from studio.core.material import Material
from studio.core.method import Card, Method, MethodConfig, Streams, Trained
from studio.core.rng import rand, randint, randn
from studio.core.simulate import add_noise, backward_simulation, guided_x0


class DMD2Config(MethodConfig):
    batch: int = Field(32, ge=1)
    timesteps: tuple[float, ...] = Field((999, 749, 499, 249), description="Sampling grid of the student")
    guidance: float = Field(8.0, ge=1, description="Guidance of the teacher's score (published for SDXL: 8)")
    critic_updates: int = Field(2, ge=1, description="Updates of the fake score per update of the student")
    lr: float = Field(1.5e-4, gt=0, description="Learning rate of the student")
    critic_lr: float = Field(4e-4, gt=0, description="Learning rate of the fake score")
    t_low: float = Field(0.02, ge=0, le=1, description="Least time of the score term, as a fraction of t_max")
    t_high: float = Field(0.98, ge=0, le=1, description="Largest time of the score term")
    ema: float = Field(0.98, ge=0, lt=1, description="EMA of the student, in student updates")


class DMD2(Method[DMD2Config]):
    card = Card(
        title="DMD2",
        paper="arXiv 2405.14867",
        status="published recipe, without the GAN term",
        good_for="sharp four-step students; costs diversity under strong guidance",
    )
    Config = DMD2Config

    def __init__(self, config: DMD2Config, streams: Streams, teacher: Denoiser, material: Material):
        super().__init__(config, streams)
        assert isinstance(teacher.network, nn.Module)
        self.teacher, self.material = teacher, material
        teacher.network.requires_grad_(False).eval()
        student, fake = (copy.deepcopy(teacher.network).requires_grad_(True).train() for _ in range(2))
        self.student = Denoiser(student, teacher.process, teacher.prediction)
        self.fake = Denoiser(fake, teacher.process, teacher.prediction)
        betas = (0.0, 0.99)  # momentum would average over a target that moves with the student
        self.trained = {
            "student": Trained(student, config.lr, betas=betas, ema=config.ema, clip=10.0),
            "fake": Trained(fake, config.critic_lr, betas=betas, clip=10.0),
        }

    def batch(self) -> Cond:
        return self.material.conditions(self.config.batch, self.streams["data"])

    def draw(self, purpose: str) -> Tensor:
        return randn((self.config.batch, *self.material.shape), self.streams[purpose])

    def times(self, low: float, high: float, purpose: str) -> Tensor:
        """[B], uniform in [low, high] · t_max"""
        u = rand((self.config.batch,), self.streams[purpose], torch.float64)
        return (low + (high - low) * u) * self.teacher.process.t_max

    def generate(self, cond: Cond, purpose: str) -> Tensor:
        """x = G at a random position of its own grid, inputs by backward simulation. Gradient through that step alone."""
        c = self.config
        k = int(randint(len(c.timesteps), (1,), self.streams["position"]))
        xt, t = backward_simulation(self.student, cond, c.timesteps, k, lambda: self.draw(purpose))
        return self.student.x0(xt, t, cond)

    def iteration(self, batch: Cond, step: int) -> Iterator[tuple[str, Tensor]]:
        c, cond = self.config, batch
        for _ in range(c.critic_updates):
            with torch.no_grad():
                x = self.generate(cond, "critic noise")
            yield "fake", self.score_matching(x, cond)
            cond = self.batch()
        yield "student", self.distribution_matching(self.generate(cond, "noise"), cond)

    def score_matching(self, x: Tensor, cond: Cond) -> Tensor:
        """The fake score's denoising loss on student samples, in v (finite at every time)."""
        t = self.times(0.0, 1.0, "critic time")
        eps = self.draw("critic noise")
        xt = add_noise(self.fake.process, x, t, eps)
        v = add_noise(self.fake.process, eps, t, -x)  # alpha eps − sigma x
        return ((self.fake.velocity(xt, t, cond) - v) ** 2).mean()

    def distribution_matching(self, x: Tensor, cond: Cond) -> Tensor:
        """½ ‖x − sg[x + A / n]‖², whose gradient on x is −A / n."""
        c = self.config
        with torch.no_grad():
            t = self.times(c.t_low, c.t_high, "time")
            xt = add_noise(self.teacher.process, x, t, self.draw("noise"))
            real = guided_x0(self.teacher, xt, t, cond, self.material.null(cond), c.guidance)
            fake = self.fake.x0(xt, t, cond)
            axes = tuple(range(1, x.ndim))
            n = (x - real).abs().mean(axes, keepdim=True).clamp_min(1e-5)
            direction = (real - fake) / n
            self.log.update(normaliser=float(n.mean()), direction=float(direction.abs().mean()))
        return 0.5 * ((x - (x + direction).detach()) ** 2).sum() / len(x)
