"""SiD and SiDA: score identity distillation, with an adversarial head on request.

Zhou et al. 2024 (arXiv 2404.04057) and 2024 (SiDA, arXiv 2410.14919). The student's loss (equation 23 there, in
x0-predictions, A = x0_T − x0_S) is A·(x0_S − x) + (1 − alpha) A² over n, with autograd through x_t in both networks.
alpha = ½ is exactly half the gradient of the Fisher divergence; alpha = 1 drops the squared term.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.method import Card
from studio.core.scores import normaliser, sid
from studio.core.student_and_fake import DuelConfig, ScoreMethod, log_scores
from studio.methods.distill import METHODS


class SiDConfig(DuelConfig):
    timesteps: tuple[float, ...] = Field(
        (999,), min_length=1, description="Sampling grid of the student; published with one step"
    )
    alpha: float = Field(1.0, ge=0, le=2, description="Weight of the squared term is 1 − alpha; ½ is the Fisher divergence")
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of the teacher's score")
    critic_updates: int = Field(2, ge=1, le=20, description="Updates of the fake score per update of the student")


@METHODS.add("sid")
class SiD(ScoreMethod[SiDConfig]):
    card = Card(
        title="SiD / SiDA",
        paper="arXiv 2404.04057, 2410.14919",
        status="published loss; SiDA's head sits on the middle features and its weights are constant",
        good_for="one-step students; alpha trades sharpness for diversity",
        family="distribution",
        how="Match scores, not densities: the Fisher divergence, rewritten so that it can be estimated. Twice DMD2's memory.",
    )
    Config = SiDConfig

    def loss(self, x: Tensor, cond: Cond) -> Tensor:
        xt, t = self.duel.noised(x, cond)
        real, fake = self.duel.scores(xt, t, cond)  # autograd runs through x_t in both networks
        log_scores(self.log, x, real, fake, normaliser(x, real))
        return sid(x, real, fake, self.config.alpha) * x[0].numel()
