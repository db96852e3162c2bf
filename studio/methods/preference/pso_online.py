"""Pairwise sample optimization, online (Miao et al. 2024, arXiv 2410.03190, section 3.3), for students with stochastic steps.

    L = −log σ(β Σ_steps (log ρ_w − γ log ρ_l)),    log ρ = log π_θ(x_s | x_t) − log π*(x_s | x_t),    ρ ∈ [1 − clip, 1 + clip]

Of every prompt two samples are drawn from the network as it is, from different noise; the reward says which one won. log π is
that of `preferring`. The last step of a student ends clean and draws nothing, so it is in no sum, and a student of one step has
no stochastic step at all: there pairs are made online just so, and the offline loss of `dpo` is taken on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from studio.core.denoiser import Cond
from studio.core.method import Card, Roles
from studio.methods.preference import PREFERENCE
from studio.methods.preference.preferring import Path, Preferring, PreferringConfig, Scores, ranked, rows


class PsoOnlineConfig(PreferringConfig):
    batch: int = Field(16, ge=1, le=1024, description="Prompts an update, each drawn several times")
    each: int = Field(2, ge=2, le=64, description="Samples of a prompt; the best and the worst of them are a pair")
    beta: float = Field(50.0, gt=0, le=1e6, description="How sharply pairs are told apart")
    loser: float = Field(0.8, ge=0, le=10, description="Weight γ of the loser's term; 1 is the paper's")
    clip: float = Field(0.1, gt=0, lt=1, description="A step's likelihood ratio is kept within 1 ± this, where its gradient ends")
    one_step_beta: float = Field(100.0, gt=0, le=1e6, description="The same of the offline loss, for a student of one step")


@PREFERENCE.add("pso-online")
class PsoOnline(Preferring[PsoOnlineConfig]):
    card = Card(
        title="PSO, online",
        paper="arXiv 2410.03190",
        status="published objective, smaller loser weight",
        good_for="students of two to eight steps and a reward that can be computed",
        how="Draw every prompt twice, ask the reward which one won, and make its path likelier than the other's.",
    )
    Config = PsoOnlineConfig
    models: ClassVar[Roles] = ("student",)

    def batch(self) -> tuple[Cond, Scores]:
        return self.preferences.prompts(self.config.batch, self.config.each, self.streams["data"])

    def iteration(self, batch: tuple[Cond, Scores], step: int) -> Iterator[tuple[str, Tensor]]:
        cond, scores = batch
        x, paths = self.drawn(cond)
        rewards = scores(x).view(-1, self.config.each)
        self.log["reward"] = float(rewards.mean())
        best, worst, differ = ranked(rewards)
        first = torch.arange(len(rewards), device=x.device) * self.config.each
        won, lost = (first + best)[differ], (first + worst)[differ]
        if not len(won):  # the reward told no pair apart; a loss of 0 that keeps the gradient's shape
            yield "preference", 0.0 * next(self.adapter.parameters()).sum()
        elif paths:
            yield "preference", self.along(paths, cond, won, lost)
        else:
            config = self.config
            yield "preference", self.told_apart(x[won], x[lost], rows(cond, won), config.one_step_beta, config.loser)

    def along(self, paths: Sequence[Path], cond: Cond, won: Tensor, lost: Tensor) -> Tensor:
        """The loss of pairs by the steps that led to them. won, lost: rows [M] of the samples."""
        both, clip = torch.cat([won, lost]), self.config.clip
        part = rows(cond, both)
        total, hold = torch.zeros(len(both), device=both.device), torch.zeros((), device=both.device)
        for path in paths:
            taken = path.part(both)
            after = self.guided(taken.x, path.move.t, part)
            before = self.guided(taken.x, path.move.t, part, bare=True)
            ratio = self.likelihood(taken, after) - self.likelihood(taken, before)
            total = total + ratio.exp().clamp(1 - clip, 1 + clip).log()
            hold = hold + self.holding(after, before) / len(paths)
        up, down = total.chunk(2)
        self.log |= {"gap": float((up - down).detach().mean()), "accuracy": float((up > down).float().mean())}
        self.log |= {"winner_likelihood": float(up.detach().mean()), "loser_likelihood": float(down.detach().mean())}
        return -F.logsigmoid(self.config.beta * (up - self.config.loser * down)).mean() + hold
