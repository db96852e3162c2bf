"""Progressive distillation: halve the number of steps, again and again.

Salimans & Ho 2022 (arXiv 2202.00512), algorithm 2. On a grid of N student steps t → t'' with t' half way, two
deterministic teacher steps x_t → x_t' → x_t'' are made, and the student's x0-prediction must be the one that lands on x_t''
in a single step (`studio.core.simulate.ddim_target`). Then the student becomes the teacher and N is halved. Guidance is
applied in the first round alone and is in the weights from there on. ProDiff (arXiv 2207.06389) is one such round with an
absolute error of x0. The learning rate is annealed in every round: each inherits the noise of the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser, from_x0
from studio.core.material import ConditionalNetwork, Material
from studio.core.method import Card, Method, MethodConfig, Sampling, Streams, Trained, longer_at_the_end, shared_out
from studio.core.rng import randint
from studio.core.simulate import add_noise, ddim, ddim_target, guided_x0
from studio.methods.distill import METHODS


class ProgressiveConfig(MethodConfig):
    batch: int = Field(32, ge=1, le=4096, description="Samples an update")
    start: Literal[1, 2, 4, 8, 16, 32, 64, 128] = Field(
        8, description="Student steps in the first round; the teacher makes two for each"
    )
    steps: Literal[1, 2, 4, 8, 16, 32, 64, 128] = Field(1, description="Student steps after the last round")
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of the teacher in the first round, baked in afterwards")
    loss: Literal["v", "snr", "l1"] = Field(
        "v", description="v: error of v (weight SNR + 1); snr: of x0 with weight max(SNR, 1); l1: absolute error of x0 (ProDiff)"
    )
    lr: float = Field(2e-4, gt=0, le=1, description="Learning rate at the start of every round")
    ema: float = Field(0.98, ge=0, lt=1, description="EMA of the student; the next round starts from it")


@METHODS.add("progressive")
class Progressive(Method[ProgressiveConfig]):
    card = Card(
        title="Progressive distillation",
        paper="arXiv 2202.00512",
        status="published recipe; x0 targets and an l1 loss make it ProDiff (2207.06389)",
        good_for="deterministic students at every power of two on the way",
        family="trajectory",
        how="One student step learns what two teacher steps do; then the student is the teacher, with half the steps.",
    )
    Config = ProgressiveConfig

    def __init__(self, config: ProgressiveConfig, streams: Streams, teacher: Denoiser, material: Material):
        super().__init__(config, streams)
        if config.steps > config.start:
            raise ValueError(f"steps {config.steps} is more than start {config.start}; rounds halve the number of steps")
        assert isinstance(teacher.network, ConditionalNetwork)
        teacher.network.requires_grad_(False).eval()
        student, before = (teacher.network.student() for _ in range(2))
        before.requires_grad_(False).eval()
        self.teacher, self.material = teacher, material
        self.student = Denoiser(student, teacher.process, teacher.prediction)
        self.before = Denoiser(before, teacher.process, teacher.prediction)  # the teacher of rounds after the first
        self.trained = {"student": Trained(student, config.lr, ema=config.ema)}
        self.held = {"teacher of the round": before}

    def halvings(self) -> list[int]:
        """Student steps of every round, e.g. [8, 4, 2, 1]."""
        n, out = int(self.config.start), [int(self.config.start)]
        while n > self.config.steps:
            n //= 2
            out.append(n)
        return out

    def rounds(self, steps: int) -> tuple[int, ...]:
        return shared_out(steps, longer_at_the_end(self.halvings()))

    def begin_round(self, number: int) -> None:
        if number > 0:  # the student so far is the teacher now, and where the student starts
            for network in (self.held["teacher of the round"], self.trained["student"].module):
                network.load_state_dict(self.emas["student"].state_dict())

    def grid(self, n: int) -> Tensor:
        """[2n + 1] times from t_max to clean (−1): every second one is a student's, in between the teacher's."""
        times = torch.linspace(self.teacher.process.t_max, 0, 2 * n + 1, dtype=torch.float64).round()
        times[-1] = -1.0
        return times.to(self.streams.device)

    def batch(self) -> tuple[Tensor, Cond]:
        return self.material.data(self.config.batch, self.streams["data"])

    def iteration(self, batch: tuple[Tensor, Cond], step: int) -> Iterator[tuple[str, Tensor]]:
        x0, cond = batch
        process, n = self.teacher.process, self.halvings()[self.round]
        grid, i = self.grid(n), randint(n, (len(x0),), self.streams["time"])
        t, half, end = grid[2 * i], grid[2 * i + 1], grid[2 * i + 2]
        xt = add_noise(process, x0, t, self.material.noise(cond, self.streams["noise"]))
        with torch.no_grad():
            middle = ddim(process, xt, self.believed(xt, t, cond), t, half)
            landed = ddim(process, middle, self.believed(middle, half, cond), half, end)
            target = ddim_target(process, xt, landed, t, end)
        alpha, sigma = process.alpha_sigma(t)
        if self.config.loss == "v":
            loss = ((self.student.velocity(xt, t, cond) - from_x0("v", target, xt, alpha, sigma)) ** 2).mean()
        else:
            error = (self.student.x0(xt, t, cond) - target).flatten(1)
            snr = ((alpha / sigma) ** 2).clamp(1, 1e4).float()
            loss = error.abs().mean() if self.config.loss == "l1" else (snr * error.square().mean(1)).mean()
        self.log.update(student_steps=float(n), target_mse=float(loss.detach()))
        yield "student", loss

    def believed(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """The x0 of this round's teacher; guided in the first round alone."""
        if self.round == 0:
            return guided_x0(self.teacher, x, t, cond, self.material.null(cond), self.config.guidance)
        return self.before.x0(x, t, cond)

    def sampling(self) -> Sampling:
        n = self.halvings()[-1]
        return Sampling(tuple(self.grid(n)[:-1:2].tolist()), "ddim", (n,))
