"""Denoising diffusion policy optimization (Black et al. 2023, arXiv 2305.13301, equation 3), as an adapter.

    L = −E_steps min(A ρ, A clip(ρ, 1 − ε, 1 + ε)),    ρ = π_θ(x_s | x_t) / π_old(x_s | x_t)

The steps of the sampling are a policy; π_old is the network that drew them, log π that of `preferring`. A is the reward less the
mean of its prompt, over the spread of its prompt, within ± `most`. The published runs keep a buffer of every prompt's rewards
over many batches; here every prompt is drawn several times in one batch, which needs no buffer where prompts hardly repeat. What
was drawn is used in `updates` parts, an update each, so that from the second on ρ is not 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.method import Card, Roles
from studio.methods.preference import PREFERENCE
from studio.methods.preference.preferring import Path, Preferring, PreferringConfig, Scores, rows


class DdpoConfig(PreferringConfig):
    batch: int = Field(8, ge=1, le=1024, description="Prompts an iteration")
    each: int = Field(8, ge=2, le=64, description="Samples of each, by whose mean and spread a reward is judged")
    updates: int = Field(2, ge=1, le=16, description="Parts in which what was drawn is used, an update each")
    clip: float = Field(1e-4, gt=0, lt=1, description="A step's likelihood ratio counts within 1 ± this")
    most: float = Field(5.0, gt=0, le=100, description="Largest advantage, in standard deviations")


@PREFERENCE.add("ddpo")
class Ddpo(Preferring[DdpoConfig]):
    card = Card(
        title="DDPO",
        paper="arXiv 2305.13301",
        status="published objective, advantages within a batch",
        good_for="a reward that can be computed, and time: it follows how much better, and not only which is",
        how="Draw every prompt several times and make the steps of what scored above its prompt's mean likelier.",
    )
    Config = DdpoConfig
    models: ClassVar[Roles] = ("teacher", "student")

    def batch(self) -> tuple[Cond, Scores]:
        return self.preferences.prompts(self.config.batch, self.config.each, self.streams["data"])

    def iteration(self, batch: tuple[Cond, Scores], step: int) -> Iterator[tuple[str, Tensor]]:
        cond, scores = batch
        x, paths = self.drawn(cond)
        if not paths:
            raise ValueError("the sampling has no stochastic step, so there is no likelihood to follow; dpo would fit")
        rewards = scores(x).view(-1, self.config.each)
        self.log["reward"] = float(rewards.mean())
        judged = advantages(rewards, self.config.most).flatten()
        order = torch.randperm(len(x), generator=self.streams["parts"], device=x.device)
        for part in order.chunk(self.config.updates):
            yield "preference", self.followed(paths, cond, judged, part)

    def followed(self, paths: Sequence[Path], cond: Cond, judged: Tensor, part: Tensor) -> Tensor:
        """The loss of some of the samples, rows [M], over all steps. judged: A of all rows."""
        own, outside = rows(cond, part), 0.0
        total = hold = torch.zeros((), device=part.device)
        for path in paths:
            taken = path.part(part)
            after = self.guided(taken.x, path.move.t, own)
            ratio = (self.likelihood(taken, after) - taken.old).exp()
            total = total + clipped(judged[part], ratio, self.config.clip).mean() / len(paths)
            if self.config.hold:
                hold = hold + self.holding(after, self.guided(taken.x, path.move.t, own, bare=True)) / len(paths)
            outside += float(((ratio.detach() - 1).abs() > self.config.clip).float().mean()) / len(paths)
        self.log["clipped"] = outside
        return total + hold


def advantages(rewards: Tensor, most: float) -> Tensor:
    """Of rewards [n prompts, each]: how far above its prompt's mean, in its prompt's standard deviations, within ± most."""
    spread = rewards.std(1, keepdim=True)
    return ((rewards - rewards.mean(1, keepdim=True)) / (spread + 1e-6)).clamp(-most, most)


def clipped(advantage: Tensor, ratio: Tensor, clip: float) -> Tensor:
    """−min(A ρ, A clip(ρ)) [M]."""
    return -torch.minimum(advantage * ratio, advantage * ratio.clamp(1 - clip, 1 + clip))
