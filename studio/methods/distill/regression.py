"""Output regression on noise–sample pairs: the plain baseline.

The teacher's own deterministic samples from known noise are made once; the student must reach them in one step
(Luhman & Luhman 2021, arXiv 2101.02388). Mean squares average over what the student cannot tell apart, so expect blur.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser
from studio.core.material import ConditionalNetwork, Material
from studio.core.method import Card, Method, MethodConfig, Sampling, Streams, Trained
from studio.core.simulate import TeacherPool
from studio.methods.distill import METHODS


class RegressionConfig(MethodConfig):
    batch: int = Field(64, ge=1, le=4096, description="Pairs an update")
    pairs: int = Field(2048, ge=8, le=1_000_000, description="Noise–sample pairs, made once at the start")
    pair_steps: int = Field(16, ge=1, le=1000, description="Steps of the teacher that makes the pairs")
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of the teacher's samples, baked into the student")
    lr: float = Field(2e-4, gt=0, le=1, description="Learning rate")
    ema: float = Field(0.98, ge=0, lt=1, description="EMA of the student")


@METHODS.add("regression")
class Regression(Method[RegressionConfig]):
    card = Card(
        title="Output regression",
        paper="arXiv 2101.02388",
        status="baseline",
        good_for="a floor to beat, and a start for one-step students",
        family="plain",
        how="Learn the teacher's map from noise to sample by heart, in one step. A baseline.",
    )
    Config = RegressionConfig

    def __init__(self, config: RegressionConfig, streams: Streams, teacher: Denoiser, material: Material):
        super().__init__(config, streams)
        assert isinstance(teacher.network, ConditionalNetwork)
        teacher.network.requires_grad_(False).eval()
        student = teacher.network.student()
        self.teacher, self.student = teacher, Denoiser(student, teacher.process, teacher.prediction)
        self.pool = TeacherPool(teacher, material, config.pairs, config.pair_steps, config.guidance, streams.seed, streams.device)
        self.trained = {"student": Trained(student, config.lr, ema=config.ema)}

    def batch(self) -> tuple[Tensor, Tensor, Cond]:
        return self.pool.draw(self.config.batch, self.streams["data"])

    def iteration(self, batch: tuple[Tensor, Tensor, Cond], step: int) -> Iterator[tuple[str, Tensor]]:
        noise, x0, cond = batch
        loss = ((self.student.x0(noise, self.teacher.process.t_max, cond) - x0) ** 2).mean()
        self.log["x0_mse"] = float(loss.detach())
        yield "student", loss

    def sampling(self) -> Sampling:
        return Sampling((self.teacher.process.t_max,), "lcm", (1,))
