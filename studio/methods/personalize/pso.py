"""Pairwise sample optimization, offline, for customisation (Miao et al. 2024, arXiv 2410.03190, section 3.2).

    L = −log σ(−β [(ℓ(y_w) − γ ℓ(y_l)) − (ℓ*(y_w) − γ ℓ*(y_l))])

y_w is a picture of the subject, y_l one that the untouched student makes of the class, both under the prompt with the word, at
one of the student's own timesteps and with the same noise; ℓ is the error of the velocity with the adapter, ℓ* without it. The
paper's γ is 1; at full strength the student can win by running away from the losers, so γ is small by default, both terms are
logged apart, and a winner's error above where it began is said. Replay as in `own_timesteps`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from studio.core.method import Card
from studio.methods.personalize import PERSONALIZE
from studio.methods.personalize.own_timesteps import AtOwnTimesteps, OwnTimestepsConfig
from studio.methods.personalize.personal import Batch

SMOOTH = 0.98  # of the winner's error, in updates


class PsoConfig(OwnTimestepsConfig):
    beta: float = Field(20.0, gt=0, le=1e5, description="How sharply pairs are told apart")
    loser: float = Field(0.2, ge=0, le=10, description="Weight γ of the loser's term; 1 is the paper's and may diverge")


@PERSONALIZE.add("pso")
class Pso(AtOwnTimesteps[PsoConfig]):
    """log: "winner" and "loser" are errors; "gap" is what the loss looks at; "diverged" is 1 once the winner's error, smoothed,
    is above the untouched model's."""

    card = Card(
        title="PSO",
        paper="arXiv 2410.03190",
        status="published objective, smaller loser weight",
        good_for="students, where pictures of the class are what the subject should not be taken for",
        how="Of each pair of the subject and the student's own picture of the class, make the first likelier than the second.",
    )
    Config = PsoConfig

    def iteration(self, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        x0, said, weight, _ = batch
        cond = self.worded(said)
        losers, _, _ = self.untouched.made(len(x0), self.streams["losers"])
        t, eps = self.own_times(len(x0)), self.noise(cond)
        won, lost = self.missed(x0, t, eps, cond, weight), self.missed(losers, t, eps, cond)
        with torch.no_grad():
            fixed = {name: part.detach() for name, part in cond.items()}
            won_before = self.missed(x0, t, eps, fixed, weight, bare=True)
            lost_before = self.missed(losers, t, eps, fixed, bare=True)
        gamma = self.config.loser
        gap = (won - gamma * lost) - (won_before - gamma * lost_before)
        loss = -F.logsigmoid(-self.config.beta * gap).mean()
        loss = self.with_replay(loss)
        self._watch(float(won.detach().mean()), float(won_before.mean()))
        self.log |= {"loser": float(lost.detach().mean()), "gap": float(gap.detach().mean())}
        yield "personal", loss

    def _watch(self, won: float, before: float) -> None:
        """The winner's error beside the untouched model's on the same pairs."""
        excess = SMOOTH * self.log.get("excess", 0.0) + (1 - SMOOTH) * (won - before)
        self.log |= {"winner": won, "excess": excess, "diverged": float(excess > 0 or self.log.get("diverged", 0.0) > 0)}
