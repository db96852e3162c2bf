"""SIM: score implicit matching.

Luo et al. 2024 (arXiv 2410.16794). A distance d between the scores of student and teacher, here the pseudo-Huber one;
its loss ⟨A, x0_S − x⟩ / sqrt(‖A‖² + c²) normalises itself. With the squared distance it would be SiD with alpha = 1.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.method import Card
from studio.core.scores import normaliser, sim
from studio.core.student_and_fake import DuelConfig, ScoreMethod, log_scores
from studio.methods.distill import METHODS


class SIMConfig(DuelConfig):
    timesteps: tuple[float, ...] = Field(
        (999,), min_length=1, description="Sampling grid of the student; published with one step"
    )
    c: float = Field(0.05, gt=0, le=10, description="Constant of the pseudo-Huber distance, on the whole sample's norm")
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of the teacher's score")


@METHODS.add("sim")
class SIM(ScoreMethod[SIMConfig]):
    card = Card(
        title="SIM",
        paper="arXiv 2410.16794",
        status="published recipe",
        good_for="one-step students without a normaliser to tune; let the learning rate decay",
        family="distribution",
        how="Like SiD with a distance that normalises every sample's gradient, so that no noise level drowns the others.",
    )
    Config = SIMConfig

    def loss(self, x: Tensor, cond: Cond) -> Tensor:
        xt, t = self.duel.noised(x, cond)
        real, fake = self.duel.scores(xt, t, cond)  # autograd runs through x_t in both networks
        log_scores(self.log, x, real, fake, normaliser(x, real))
        return sim(x, real, fake, self.config.c) * x[0].numel() ** 0.5
