"""SIM: score implicit matching.

Luo et al. 2024 (arXiv 2410.16794). A distance d between the scores of student and teacher, here the pseudo-Huber one;
its loss ⟨A, x0_S − x⟩ / sqrt(‖A‖² + c²) normalises itself. With the squared distance it would be SiD with alpha = 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser
from studio.core.duel import Duel, DuelConfig, log_scores
from studio.core.material import Material
from studio.core.method import Card, Method, Sampling, Streams
from studio.core.scores import normaliser, sim
from studio.methods.distill import METHODS


class SIMConfig(DuelConfig):
    timesteps: tuple[float, ...] = Field(
        (999,), min_length=1, description="Sampling grid of the student; published with one step"
    )
    c: float = Field(0.05, gt=0, le=10, description="Constant of the pseudo-Huber distance, on the whole sample's norm")
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of the teacher's score")


@METHODS.add("sim")
class SIM(Method[SIMConfig]):
    card = Card(
        title="SIM",
        paper="arXiv 2410.16794",
        status="published recipe",
        good_for="one-step students without a normaliser to tune; let the learning rate decay",
        family="distribution",
        how="Like SiD with a distance that normalises every sample's gradient, so that no noise level drowns the others.",
    )
    Config = SIMConfig

    def __init__(self, config: SIMConfig, streams: Streams, teacher: Denoiser, material: Material):
        super().__init__(config, streams)
        self.duel = Duel(config, streams, teacher, material)
        self.teacher, self.student, self.trained = teacher, self.duel.student, self.duel.trained

    def batch(self) -> Cond:
        return self.duel.conditions()

    def iteration(self, batch: Cond, step: int) -> Iterator[tuple[str, Tensor]]:
        cond = yield from self.duel.critic_turns(batch, self.log)
        x, cond = self.duel.generate(cond, "noise")
        xt, t = self.duel.noised(x)
        real, fake = self.duel.scores(xt, t, cond)  # autograd runs through x_t in both networks
        log_scores(self.log, x, real, fake, normaliser(x, real))
        loss = sim(x, real, fake, self.config.c) * x[0].numel() ** 0.5
        yield "student", (loss + self.duel.adversarial(x, cond)).mean()

    def sampling(self) -> Sampling:
        return self.duel.sampling()
