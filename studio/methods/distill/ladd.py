"""LADD: adversarial distillation on the teacher's own features, nothing else.

Sauer et al. 2024 (arXiv 2403.12015). Student samples and teacher samples are noised to a random level and told apart by
a head on the frozen teacher's inner features; the student learns to fool it. Real samples are the guided teacher's, made
once, as in the paper's synthetic-data setting.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser
from studio.core.material import ConditionalNetwork, Material
from studio.core.method import Card, Method, MethodConfig, Sampling, Streams, Trained
from studio.core.rng import rand, randint
from studio.core.scores import discriminator_loss, generator_loss
from studio.core.simulate import TeacherPool, add_noise
from studio.core.student_and_fake import Critic, head_for
from studio.methods.distill import METHODS

Batch = tuple[Tensor, Tensor, Cond]


class LADDConfig(MethodConfig):
    batch: int = Field(32, ge=1, le=4096, description="Samples an update")
    timesteps: tuple[float, ...] = Field((999, 749, 499, 249), min_length=1, description="Sampling grid of the student")
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of the teacher's samples")
    pool: int = Field(1024, ge=8, le=1_000_000, description="Teacher samples made once")
    pool_steps: int = Field(16, ge=1, le=1000, description="Steps of the teacher for these samples")
    lr: float = Field(5e-5, gt=0, le=1, description="Learning rate of the student")
    head_lr: float = Field(
        2e-3, gt=0, le=1, description="Learning rate of the discriminator's head; a head that lags behind teaches nothing"
    )
    head_updates: int = Field(1, ge=1, le=20, description="Updates of the head per update of the student")
    ema: float = Field(0.98, ge=0, lt=1, description="EMA of the student, in student updates")


@METHODS.add("ladd")
class LADD(Method[LADDConfig]):
    card = Card(
        title="LADD",
        paper="arXiv 2403.12015",
        status="baseline: one head on the middle features where the paper has one a block",
        good_for="seeing what an adversarial loss does alone",
        family="plain",
        how="A discriminator on the teacher's features tells student from teacher samples; the student learns to fool it.",
    )
    Config = LADDConfig

    def __init__(self, config: LADDConfig, streams: Streams, teacher: Denoiser, material: Material):
        super().__init__(config, streams)
        network = teacher.network
        assert isinstance(network, ConditionalNetwork)
        network.requires_grad_(False).eval()
        student = network.student()
        self.teacher, self.material = teacher, material
        self.student = Denoiser(student, teacher.process, teacher.prediction)
        self.pool = TeacherPool(teacher, material, config.pool, config.pool_steps, config.guidance, streams.seed, streams.device)
        head = head_for(network, material, streams)
        self.critic = Critic(network, head)
        self.trained = {
            "student": Trained(student, config.lr, betas=(0.0, 0.99), ema=config.ema),
            "head": Trained(head, config.head_lr, betas=(0.0, 0.99)),
        }

    def batch(self) -> Batch:
        return self.pool.draw(self.config.batch, self.streams["data"])

    def generate(self, batch: Batch) -> Tensor:
        """x = G(x_t, t) from a teacher sample noised to a time of the grid (pure noise at the first)."""
        _, x0, cond = batch
        g = self.streams["noise"]
        k = int(randint(len(self.config.timesteps), (), self.streams["position"]))
        t, eps = self.config.timesteps[k], self.material.noise(cond, g)
        xt = eps if k == 0 else add_noise(self.student.process, x0, t, eps)
        return self.student.x0(xt, t, cond)

    def logits(self, x: Tensor, cond: Cond, purpose: str) -> Tensor:
        """[B]: the head's opinion of x, noised to a random time."""
        g = self.streams[purpose]
        t = rand((len(x),), g, torch.float64) * self.teacher.process.t_max
        return self.critic.logits(add_noise(self.teacher.process, x, t, self.material.noise(cond, g)), t, cond)

    def iteration(self, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        for _ in range(self.config.head_updates):
            with torch.no_grad():
                x = self.generate(batch)
            _, real, cond = batch
            real_logits, fake_logits = self.logits(real, cond, "head noise"), self.logits(x, cond, "head noise")
            right = ((real_logits > 0).float().mean() + (fake_logits < 0).float().mean()) / 2
            self.log["discriminator_right"] = float(right)
            yield "head", discriminator_loss(real_logits, fake_logits).mean()
            batch = self.batch()
        yield "student", generator_loss(self.logits(self.generate(batch), batch[2], "noise")).mean()

    def sampling(self) -> Sampling:
        grid = self.config.timesteps
        return Sampling(grid, "lcm", (len(grid),))
