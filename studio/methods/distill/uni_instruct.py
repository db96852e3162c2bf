"""Uni-Instruct: one loss for a family of divergences, integrated along the diffusion.

Wang et al. 2025 (arXiv 2505.20755). D_f(teacher || student) = ∫ E[C(r) ‖s_S − s_T‖²] with C(r) = r² f''(r) and the
density ratio r = exp(logit) of a discriminator. The loss in `studio.core.scores.uni_instruct` keeps the dependence of r
on x_t, whose gradient is the score difference itself; that is exact for every f (the reverse KL gives 2·SiD(½)). One sample
of it is mostly noise at small batches, so the term through r is held to the length of the direct one (`ratio_term`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.method import Card
from studio.core.scores import DIVERGENCES, density_ratio, normaliser, uni_instruct
from studio.core.student_and_fake import DuelConfig, ScoreMethod, log_scores
from studio.methods.distill import METHODS

Name = Literal["reverse-kl", "forward-kl", "jensen-shannon", "jeffreys"]


class UniInstructConfig(DuelConfig):
    timesteps: tuple[float, ...] = Field(
        (999,), min_length=1, description="Sampling grid of the student; published with one step"
    )
    divergence: Name = Field("forward-kl", description="The divergence that is integrated along the diffusion")
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of the teacher's score")
    ratio_term: float = Field(
        1.0, ge=0, le=1000, description="Longest gradient through the ratio r beside the direct one; 0 treats r as a constant"
    )
    gan: float = Field(0.01, gt=0, le=10, description="Weight of the student's adversarial term; its head gives the ratio r")


@METHODS.add("uni-instruct")
class UniInstruct(ScoreMethod[UniInstructConfig]):
    card = Card(
        title="Uni-Instruct",
        paper="arXiv 2505.20755",
        status="our formulation: the loss is derived from the paper's integral, not ported from its code",
        good_for="choosing the divergence of a one-step student, from mode seeking to mode covering",
        family="distribution",
        how="SiD and SIM are members of one family: weigh each sample by the ratio of the teacher's density to the student's.",
    )
    Config = UniInstructConfig

    def loss(self, x: Tensor, cond: Cond) -> Tensor:
        xt, t = self.duel.noised(x, cond)
        real, fake = self.duel.scores(xt, t, cond)  # autograd runs through x_t in both networks
        log_scores(self.log, x, real, fake, normaliser(x, real))
        alpha, sigma = self.teacher.process.alpha_sigma(t)
        r = density_ratio(self.duel.ratio_logits(xt, t, cond))
        self.log.update(ratio_low=float(r.quantile(0.1)), ratio_high=float(r.quantile(0.9)))
        scale = (alpha / sigma**2).to(x)
        c = self.config
        return uni_instruct(x, xt, real, fake, r, scale, DIVERGENCES[c.divergence], c.ratio_term) * x[0].numel() / 2
