"""Reward fine-tuning: a few-step student learns what a differentiable reward asks for, without forgetting itself.

The feedback stage after distillation of Hyper-SD (Ren et al. 2024, arXiv 2404.13686, section 3.3) and MLCM (Xie et al.
2024, 2406.05768), with the loss of ReFL (Xu et al. 2023, 2304.05977): the student's own few-step samples are scored and
the gradient of the score goes through one step of the chain. With x = G(x_t, t) after backward simulation on the student's
grid and the reward R (larger is better), per sample,

    ReLU(margin − R(x)) + hold · mean (x − x')²,        x' = the starting student's sample from the same noise.

Samples whose reward is above the margin are left alone. The distance to x' is logged whatever its weight: a reward that
keeps rising while it grows is being exploited rather than followed. What a reward does not ask for, it costs: expect
diversity to fall.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import ConfigDict, Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser
from studio.core.material import ConditionalNetwork, Material, Reward, graded
from studio.core.method import Card, Method, MethodConfig, Sampling, Streams, Trained
from studio.core.rng import randint
from studio.core.scores import mean
from studio.core.simulate import backward_simulation, student_ode
from studio.methods.distill import METHODS

USUAL = Sampling((999.0, 749.0, 499.0, 249.0), "lcm", (4,))  # of a network that is no student yet


class RewardConfig(MethodConfig):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"needs_start": True})  # a request must name a student

    batch: int = Field(32, ge=1, le=4096, description="Samples an update")
    margin: float = Field(-0.1, ge=-1000, le=1000, description="Samples are pushed until their reward is this")
    hold: float = Field(1.0, ge=0, le=1000, description="Weight of the distance to the starting student's own samples; 0 lets go")
    through: Literal["random step", "last step"] = Field(
        "random step", description="The step whose clean estimate is scored and which the gradient goes through, like ReFL"
    )
    timesteps: tuple[float, ...] | None = Field(
        None, min_length=1, description="Sampling grid of the student; empty is that of the one it starts from"
    )
    lr: float = Field(5e-5, gt=0, le=1, description="Learning rate")
    ema: float = Field(0.98, ge=0, lt=1, description="EMA of the student")


@METHODS.add("reward")
class RewardTuning(Method[RewardConfig]):
    card = Card(
        title="Reward fine-tuning",
        paper="arXiv 2404.13686, 2406.05768, 2304.05977",
        status="our formulation of the feedback stage",
        good_for="a student that misses what prompts say; costs diversity, and its reward is no independent measure any more",
        family="trajectory",
        how="Score the student's own few-step samples and follow the reward's gradient, held back by the student it was.",
    )
    Config = RewardConfig

    def __init__(self, config: RewardConfig, streams: Streams, teacher: Denoiser, material: Material):
        super().__init__(config, streams)
        assert isinstance(teacher.network, ConditionalNetwork)
        teacher.network.requires_grad_(False).eval()
        self.graded = graded(material)
        self.teacher, self.material = teacher, material
        student = teacher.network.student()
        before = copy.deepcopy(student).requires_grad_(False).eval()
        self.student, self.before = (Denoiser(network, teacher.process, teacher.prediction) for network in (student, before))
        self.trained = {"student": Trained(student, config.lr, ema=config.ema)}
        self.how = teacher.network.started or USUAL
        if self.how.rule != "lcm" and (self.how.rule != "ddim" or self.how.eta):
            how = self.how.rule + (f" with eta {self.how.eta:g}" if self.how.eta else "")
            raise ValueError(f"the student is sampled by {how}, which is not followed here; one sampled by lcm or ddim would fit")
        self.grid = config.timesteps or self.how.timesteps

    def batch(self) -> tuple[Cond, Reward]:
        return self.graded.graded(self.config.batch, self.streams["data"])

    def iteration(self, batch: tuple[Cond, Reward], step: int) -> Iterator[tuple[str, Tensor]]:
        cond, reward = batch
        c, k = self.config, len(self.grid) - 1
        if c.through == "random step":
            k = int(randint(len(self.grid), (), self.streams["position"]))
        noise = [self.material.noise(cond, self.streams["noise"]) for _ in range(k + 1)]
        x = self.sample(self.student, cond, noise)
        R = reward(x)
        with torch.no_grad():
            own = self.sample(self.before, cond, noise)
        drift = mean((x - own) ** 2)
        right = (R.detach() >= c.margin).float().mean()
        self.log.update(reward=float(R.detach().mean()), satisfied=float(right), drift=float(drift.detach().mean()))
        yield "student", (torch.relu(c.margin - R) + c.hold * drift).mean()

    def sample(self, student: Denoiser, cond: Cond, noise: list[Tensor]) -> Tensor:
        """The clean estimate at grid position ``len(noise) − 1`` of the chain with these draws; gradient through it alone."""
        draws, k = iter(noise), len(noise) - 1
        if self.how.rule == "lcm":
            xt, t = backward_simulation(student, cond, self.grid, k, lambda: next(draws))
        else:
            xt, t = student_ode(student, cond, noise[0], self.grid, k)
        return student.x0(xt, t, cond)

    def sampling(self) -> Sampling:
        return Sampling(tuple(self.grid), self.how.rule, (len(self.grid),), eta=self.how.eta)
