"""Diffusion-DPO (Wallace et al. 2023, arXiv 2311.12908, equation 14), as an adapter.

    L = −log σ(−β/2 [(ℓ_θ(y_w) − ℓ*(y_w)) − γ (ℓ_θ(y_l) − ℓ*(y_l))]),    ℓ(y) = mean (v(x_t, t, c) − (alpha eps − sigma y))²

with one t and one eps for both samples of a pair. The paper's error is that of eps, which is alpha² times the velocity's: at a
student's first timestep alpha is nearly 0, and eps says next to nothing of the sample. Its gamma is 1. A model can satisfy the
objective by getting worse on winners more slowly than on losers, so both errors are logged apart, a winner's error of more than
1.2 times what it was is said, and gamma is below 1 by default. On a student t is one of the timesteps at which it is sampled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.method import Card, Roles
from studio.methods.preference import PREFERENCE
from studio.methods.preference.preferring import Preferring, PreferringConfig


class DpoConfig(PreferringConfig):
    batch: int = Field(32, ge=1, le=1024, description="Pairs an update")
    beta: float = Field(100.0, gt=0, le=1e6, description="How sharply pairs are told apart")
    loser: float = Field(0.8, ge=0, le=10, description="Weight γ of the loser's term; 1 is the paper's")


@PREFERENCE.add("dpo")
class Dpo(Preferring[DpoConfig]):
    card = Card(
        title="Diffusion-DPO",
        paper="arXiv 2311.12908",
        status="published objective, smaller loser weight, velocity error",
        good_for="votes, and rewards of which nothing but the better of two is known; teachers and students",
        how="Of two samples of a prompt, make the preferred one likelier, against what the model was before.",
    )
    Config = DpoConfig
    models: ClassVar[Roles] = ("teacher", "student")

    def batch(self) -> tuple[Tensor, Tensor, Cond]:
        return self.preferences.pairs(self.config.batch, self.streams["data"])

    def iteration(self, batch: tuple[Tensor, Tensor, Cond], step: int) -> Iterator[tuple[str, Tensor]]:
        yield "preference", self.told_apart(*batch, self.config.beta, self.config.loser)
