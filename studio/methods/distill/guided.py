"""Guidance distillation: one evaluation a step where guidance took two, with the scale as an input.

Meng et al. 2023 (arXiv 2210.03142), stage one. The student also reads w and regresses the guided teacher,

    x0_w = x0(c = null) + w (x0(c) − x0(c = null)),        w uniform in [w_low, w_high],

in v-space, which is the x0 error weighted by SNR + 1. The new input starts at zero weight, so that before the first
update the student is the conditional teacher.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser, from_x0
from studio.core.material import ConditionalNetwork, Material
from studio.core.method import Card, Method, MethodConfig, Sampling, Streams, Trained
from studio.core.rng import rand
from studio.core.scores import per_sample
from studio.core.simulate import add_noise
from studio.methods.distill import METHODS


class GuidedConfig(MethodConfig):
    batch: int = Field(32, ge=1, le=4096, description="Samples an update")
    w_low: float = Field(1.0, ge=1, le=30, description="Least guidance scale the student learns")
    w_high: float = Field(8.0, ge=1, le=30, description="Largest guidance scale the student learns")
    w: float = Field(3.0, ge=1, le=30, description="The scale it is sampled with unless told otherwise")
    steps: int = Field(25, ge=1, le=1000, description="Steps it is sampled with; the student needs as many as its teacher")
    lr: float = Field(2e-4, gt=0, le=1, description="Learning rate")
    ema: float = Field(0.98, ge=0, lt=1, description="EMA of the student")


@METHODS.add("guided")
class GuidanceDistillation(Method[GuidedConfig]):
    card = Card(
        title="Guidance distillation",
        paper="arXiv 2210.03142",
        status="published recipe (stage one)",
        good_for="halving the cost of every guided step; the guidance scale stays a slider",
        family="trajectory",
        how="Teach one network call to give what classifier-free guidance needed two for, with the scale as an input.",
    )
    Config = GuidedConfig

    def __init__(self, config: GuidedConfig, streams: Streams, teacher: Denoiser, material: Material):
        super().__init__(config, streams)
        if config.w_high < config.w_low:
            raise ValueError(f"w_high {config.w_high:g} is below w_low {config.w_low:g}; exchange them")
        assert isinstance(teacher.network, ConditionalNetwork)
        teacher.network.requires_grad_(False).eval()
        student = teacher.network.student().with_guidance_input().requires_grad_(True).train()
        self.teacher, self.material = teacher, material
        self.student = Denoiser(student, teacher.process, teacher.prediction)
        self.trained = {"student": Trained(student, config.lr, ema=config.ema)}

    def batch(self) -> tuple[Tensor, Cond]:
        return self.material.data(self.config.batch, self.streams["data"])

    def iteration(self, batch: tuple[Tensor, Cond], step: int) -> Iterator[tuple[str, Tensor]]:
        x0, cond = batch
        c, process, n = self.config, self.teacher.process, len(batch[0])
        t = (rand((n,), self.streams["time"], torch.float64) * (process.t_max + 1)).floor().clamp(max=process.t_max)
        w = c.w_low + (c.w_high - c.w_low) * rand((n,), self.streams["guidance"])
        xt = add_noise(process, x0, t, self.material.noise(cond, self.streams["noise"]))
        with torch.no_grad():
            null = self.material.null(cond)
            both = {k: torch.cat([cond[k], null[k]]) for k in cond}
            given, free = self.teacher.x0(torch.cat([xt, xt]), torch.cat([t, t]), both).chunk(2)
            guided = free + per_sample(w, xt) * (given - free)
            v = from_x0("v", guided, xt, *process.alpha_sigma(t))
        loss = ((self.student.velocity(xt, t, {**cond, "w": w}) - v) ** 2).mean()
        self.log["v_mse"] = float(loss.detach())
        yield "student", loss

    def sampling(self) -> Sampling:
        n = self.config.steps
        t_max = int(self.teacher.process.t_max)
        times = tuple(float(round((t_max + 1) * (n - i) / n) - 1) for i in range(n))  # trailing spacing
        return Sampling(times, "ddim", tuple(range(max(1, n // 2), 2 * n + 1)), embedded_guidance=self.config.w)
