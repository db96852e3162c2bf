"""f-distill: DMD2 with the divergence of one's choice.

Xu et al. 2025 (arXiv 2502.15681). The gradient of D_f(teacher || student) is DMD's, weighted by h(r) = r² f''(r), with
r = p_T / p_G from the discriminator that DMD2 trains anyway. h = 1 is the reverse KL (mode seeking); h = r the forward
KL (mode covering). r and h are brought to mean 1 over the batch.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.method import Card
from studio.core.parallel import batch_mean
from studio.core.scores import DIVERGENCES, density_ratio, normaliser, per_sample, towards
from studio.core.student_and_fake import DuelConfig, ScoreMethod, log_scores
from studio.methods.distill import METHODS

Name = Literal["reverse-kl", "softened-reverse-kl", "jensen-shannon", "hellinger", "forward-kl", "jeffreys", "neyman"]


class FDistillConfig(DuelConfig):
    timesteps: tuple[float, ...] = Field((999,), min_length=1, description="Sampling grid of the student")
    divergence: Name = Field("jensen-shannon", description="The divergence whose gradient is followed")
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of the teacher's score")
    gan: float = Field(0.01, gt=0, le=10, description="Weight of the student's adversarial term; its head gives the ratio r")


@METHODS.add("f-distill")
class FDistill(ScoreMethod[FDistillConfig]):
    card = Card(
        title="f-distill",
        paper="arXiv 2502.15681",
        status="published recipe; r is normalised over the batch alone",
        good_for="seeing what the divergence does to rare modes, with all else equal",
        family="distribution",
        how="DMD2 in which samples the teacher likes better than the student does weigh more (or less), by a named divergence.",
    )
    Config = FDistillConfig

    def loss(self, x: Tensor, cond: Cond) -> Tensor:
        """[B]: its gradient on x is −h(r) A / n, with h of mean 1."""
        with torch.no_grad():
            xt, t = self.duel.noised(x, cond)
            real, fake = self.duel.scores(xt, t, cond)
            n = normaliser(x, real)
            log_scores(self.log, x, real, fake, n)
            r = density_ratio(self.duel.ratio_logits(xt, t, cond))
            h = DIVERGENCES[self.config.divergence].C(r)
            self.log.update(ratio_low=float(r.quantile(0.1)), ratio_high=float(r.quantile(0.9)))
            direction = per_sample(h / batch_mean(h) / n, x) * (real - fake)
        return towards(x, direction)
