"""Consistency inside segments of the trajectory: PCM, the trajectory stage of Hyper-SD (TSCD), MLCM.

Wang et al. 2024 (PCM, arXiv 2405.18407), Ren et al. 2024 (Hyper-SD, 2404.13686), Xie et al. 2024 (MLCM, 2406.05768). The
time axis is cut in M segments; a state x_t must name the point where its trajectory leaves its segment, at e:

    Phi(x_t, t → e; G)  =  Phi(x_r, r → e; EMA of G),        x_r one guided teacher step from x_t,

with the deterministic step Phi, linear in x0, so that it is LCM with a moved end. M = 1 is LCM; several values of M, one
round each, is TSCD's and MLCM's progression; rounds of one and two segments are twice as long here, as in progressive
distillation. MLCM's inputs are states of the teacher's own trajectories instead of noised data. Sampled deterministically
with exactly M steps.
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
from studio.core.simulate import TeacherPool, add_noise, ddim, ddim_target, guided_x0
from studio.methods.distill import METHODS

Batch = tuple[Tensor, Tensor, Cond]  # x_t, index of t on the grid, conditions


class SegmentsConfig(MethodConfig):
    batch: int = Field(32, ge=1, le=4096, description="Samples an update")
    grid: int = Field(16, ge=2, le=1000, description="K, times of the teacher's solver; every number of segments divides it")
    segments: tuple[int, ...] = Field((4,), min_length=1, description="M, one round each; 8, 4, 2, 1 is TSCD's progression")
    inputs: Literal["noised data", "teacher trajectory"] = Field(
        "noised data", description="States to learn on; the teacher's own trajectories (MLCM) need no data"
    )
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of the teacher's step, baked into the student")
    pool: int = Field(512, ge=8, le=100_000, description="Teacher trajectories made once, where they are the inputs")
    lr: float = Field(2e-4, gt=0, le=1, description="Learning rate at the start of every round")
    target_ema: float = Field(0.95, ge=0, lt=1, description="EMA of the target network")


@METHODS.add("segments")
class Segments(Method[SegmentsConfig]):
    card = Card(
        title="Segmented consistency (PCM, TSCD, MLCM)",
        paper="arXiv 2405.18407, 2404.13686, 2406.05768",
        status="published recipes without their adversarial terms",
        good_for="deterministic students of exactly M steps that stay near the teacher's picture",
        family="trajectory",
        how="LCM, but a state need only name where its trajectory leaves its own segment. M segments, M steps.",
    )
    Config = SegmentsConfig

    def __init__(self, config: SegmentsConfig, streams: Streams, teacher: Denoiser, material: Material):
        super().__init__(config, streams)
        for m in config.segments:
            if m < 1 or config.grid % m:
                fits = ", ".join(str(d) for d in range(1, config.grid + 1) if config.grid % d == 0)
                raise ValueError(f"{m} segments do not divide a grid of {config.grid}; {fits} would")
        assert isinstance(teacher.network, ConditionalNetwork)
        teacher.network.requires_grad_(False).eval()
        student = teacher.network.student()
        self.teacher, self.material = teacher, material
        self.student = Denoiser(student, teacher.process, teacher.prediction)
        self.trained = {"student": Trained(student, config.lr, ema=config.target_ema)}
        times = torch.linspace(teacher.process.t_max, 0, config.grid + 1, dtype=torch.float64).round()
        times[-1] = -1.0  # the last step lands on the clean sample
        self.times = times.to(streams.device)
        self.pool = TeacherPool(
            teacher, material, config.pool, config.grid, config.guidance, streams.seed, streams.device, states=True
        )

    def rounds(self, steps: int) -> tuple[int, ...]:
        return shared_out(steps, longer_at_the_end(self.config.segments))

    def batch(self) -> Batch:
        c, g = self.config, self.streams["data"]
        if c.inputs == "teacher trajectory":
            return self.pool.draw_state(c.batch, g)
        x0, cond = self.material.data(c.batch, g)
        index = randint(c.grid, (c.batch,), self.streams["time"])
        eps = self.material.noise(cond, self.streams["noise"])
        return add_noise(self.teacher.process, x0, self.times[index], eps), index, cond

    def end(self, index: Tensor) -> Tensor:
        """Index of the time where the segment of each grid index ends."""
        width = self.config.grid // self.config.segments[self.round]
        return (index // width + 1) * width

    def iteration(self, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        xt, index, cond = batch
        process = self.teacher.process
        t, r, e = self.times[index], self.times[index + 1], self.times[self.end(index)]
        with torch.no_grad():
            x0 = guided_x0(self.teacher, xt, t, cond, self.material.null(cond), self.config.guidance)
            xr = ddim(process, xt, x0, t, r)
            arrived = r == e  # the teacher's step itself ends the segment
            safe = torch.where(arrived, t, r)  # any time with noise: its result is not used
            theirs = Denoiser(self.emas["student"], process, self.teacher.prediction).x0(xr, safe, cond)
            mask = arrived.view(-1, *([1] * (xt.ndim - 1)))
            landed = torch.where(mask, xr, ddim(process, xr, theirs, safe, e))
            v = from_x0("v", ddim_target(process, xt, landed, t, e), xt, *process.alpha_sigma(t))
        loss = ((self.student.velocity(xt, t, cond) - v) ** 2).mean()
        self.log.update(v_mse=float(loss.detach()), segments=float(self.config.segments[self.round]))
        yield "student", loss

    def sampling(self) -> Sampling:
        m = self.config.segments[-1]
        return Sampling(tuple(self.times[: -1 : self.config.grid // m].tolist()), "ddim", (m,))
