"""DMD2: distribution matching distillation, one or few steps.

Yin et al. 2024, "Improved Distribution Matching Distillation for Fast Image Synthesis" (arXiv 2405.14867). With
x = G(...) and x_t = alpha x + sigma eps, the gradient of KL(student || teacher) on x is −A / n,

    A = x0_T(x_t) − x0_S(x_t),        n = mean |x − x0_T|   (equation 7 of DMD, arXiv 2311.18828)

A reverse KL against a strongly guided teacher is mode seeking: that is where diversity goes missing. With backward
simulation and no GAN term no data is needed at all; the GAN term is off unless its weight is set.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.method import Card
from studio.core.scores import normaliser, per_sample, towards
from studio.core.student_and_fake import DuelConfig, ScoreMethod, log_scores
from studio.methods.distill import METHODS


@METHODS.add("dmd2")
class DMD2(ScoreMethod[DuelConfig]):
    card = Card(
        title="DMD2",
        paper="arXiv 2405.14867",
        status="published recipe; the GAN term is optional",
        good_for="sharp students of one to four steps; costs diversity under strong guidance",
        family="distribution",
        how="Push the student's samples from where its own score is high to where the guided teacher's is.",
    )
    Config = DuelConfig

    def loss(self, x: Tensor, cond: Cond) -> Tensor:
        """[B]: ½ ‖x − sg[x + A / n]‖², whose gradient on x is −A / n."""
        with torch.no_grad():
            xt, t = self.duel.noised(x, cond)
            real, fake = self.duel.scores(xt, t, cond)
            n = normaliser(x, real)
            log_scores(self.log, x, real, fake, n)
            direction = (real - fake) / per_sample(n, x)
        return towards(x, direction)
