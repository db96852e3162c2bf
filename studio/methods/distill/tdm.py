"""TDM: trajectory distribution matching.

Luo et al. 2025 (arXiv 2503.06674). The student is sampled deterministically in K steps, and every point of its
trajectory must follow the teacher's marginal, not only the end. From t_k the student predicts x0 and eps; the point
x_m = alpha_m x0 + sigma_m eps at the next time m = t_(k+1) is diffused further to tau in (m, t_k),

    x_tau = a x_m + s z,        a = alpha_tau / alpha_m,        s² = sigma_tau² − a² sigma_m²,

where teacher and fake score are compared. The fake score learns on the same x_tau by regressing the kernel's own score,
eps = sigma_tau z / s (our choice; the released demo regresses x0 with importance weights). Data-free.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser, expand
from studio.core.material import Material
from studio.core.method import Believer, Card, Method, Sampling, Streams
from studio.core.rng import rand
from studio.core.scores import mean, normaliser, per_sample, towards
from studio.core.simulate import ddim, student_ode
from studio.core.student_and_fake import Duel, DuelConfig, log_scores
from studio.methods.distill import METHODS


class TDMConfig(DuelConfig):
    guidance: float = Field(3.0, ge=1, le=30, description="Guidance of the teacher's score")
    critic_updates: int = Field(2, ge=1, le=20, description="Updates of the fake score per update of the student")


@METHODS.add("tdm")
class TDM(Method[TDMConfig]):
    card = Card(
        title="TDM",
        paper="arXiv 2503.06674",
        status="published recipe; the fake score regresses the kernel's score instead of x0",
        good_for="deterministic few-step students whose pictures stay near the teacher's for the same noise",
        family="distribution",
        how="Every point of the student's own deterministic path must look like the teacher's states at that noise level.",
    )
    Config = TDMConfig

    def __init__(self, config: TDMConfig, streams: Streams, teacher: Denoiser, material: Material):
        super().__init__(config, streams)
        self.duel = Duel(config, streams, teacher, material)
        self.teacher, self.student, self.trained = teacher, self.duel.student, self.duel.trained

    def batch(self) -> Cond:
        return self.duel.conditions()

    def believers(self) -> dict[str, Believer]:
        return self.duel.believers()

    def iteration(self, batch: Cond, step: int) -> Iterator[tuple[str, Tensor]]:
        cond = batch
        for _ in range(self.config.critic_updates):
            with torch.no_grad():
                _, middle, m, t = self.point(cond, "critic noise")
            yield "fake", self.critic_loss(middle, m, t, cond)
            cond = self.batch()
        x, middle, m, t = self.point(cond, "noise")
        with torch.no_grad():
            xt, tau, _, _ = self.diffused(middle, m, t, cond, "time", "noise")
            real, fake = self.duel.scores(xt, tau, cond)
            n = normaliser(x, real)
            log_scores(self.log, x, real, fake, n)
            direction = (real - fake) / per_sample(n, x)
        yield "student", (towards(x, direction) + self.duel.adversarial(x, cond)).mean()

    def point(self, cond: Cond, purpose: str) -> tuple[Tensor, Tensor, float, float]:
        """(x0 at t_k with gradient, the trajectory point x_m, m, t_k); m = −1 (clean) after the last step."""
        grid = self.config.timesteps
        k = self.duel.position()
        xt, t = student_ode(self.student, cond, self.duel.draw(cond, purpose), grid, k)
        x0 = self.student.x0(xt, t, cond)
        m = grid[k + 1] if k + 1 < len(grid) else -1.0
        return x0, ddim(self.student.process, xt, x0, t, m), m, t

    def diffused(
        self, middle: Tensor, m: float, t: float, cond: Cond, times: str, noise: str
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(x_tau, tau [B], eps that the kernel means, weight (s / sigma_tau)² [B]), tau inside (m, t)."""
        process = self.teacher.process
        u = rand((len(middle),), self.streams[times], torch.float64)
        low = max(m, 0.0)
        tau = low + (0.02 + 0.98 * u) * (t - low)  # at tau = m there would be nothing to compare
        alpha_m, sigma_m = process.alpha_sigma(torch.as_tensor(m, dtype=torch.float64))
        alpha, sigma = process.alpha_sigma(tau)
        a = alpha / alpha_m.to(alpha.device)
        s = (sigma**2 - (a * sigma_m.to(alpha.device)) ** 2).clamp_min(1e-8).sqrt()
        z = self.duel.draw(cond, noise)
        return expand(a, middle) * middle + expand(s, z) * z, tau, expand(sigma / s, z) * z, (s / sigma) ** 2

    def critic_loss(self, middle: Tensor, m: float, t: float, cond: Cond) -> Tensor:
        """[]: the fake score's error in eps, weighted by (s / sigma)² so that the kernel's own variance is 1."""
        xt, tau, eps, weight = self.diffused(middle, m, t, cond, "critic time", "critic noise")
        return (weight.float() * mean((self.duel.fake.eps(xt, tau, cond) - eps) ** 2)).mean()

    def sampling(self) -> Sampling:
        grid = self.config.timesteps
        return Sampling(grid, "ddim", (len(grid),))
