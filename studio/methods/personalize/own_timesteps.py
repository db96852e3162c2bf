"""A subject on a distilled student: its own timesteps alone, its other outputs replayed.

    L = E_{y, τ ∈ the student's grid} ‖v_θ(x_τ, τ, c_V) − v(y, eps)‖² + λ E ‖v_θ(x_τ, τ, c) − v_θ*(x_τ, τ, c)‖²

A student knows only the few timesteps it was distilled at; the diffusion loss at other times asks for what it forgot and blurs
it. The first term is DreamBooth's loss at the student's times (Ruiz et al. 2022, arXiv 2208.12242), which is also what PSO's
published customisation loss reduces to (Miao et al. 2024, arXiv 2410.03190). The second compares with the untouched student at
states that its sampling passes through, of prompts without the word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from torch import Tensor

from studio.core.method import Card
from studio.methods.personalize import PERSONALIZE
from studio.methods.personalize.personal import Batch, Personal, PersonalConfig
from studio.methods.personalize.replay import ReplayConfig, with_replay


class OwnTimestepsConfig(ReplayConfig, PersonalConfig):
    pass


S = TypeVar("S", bound=OwnTimestepsConfig)


class AtOwnTimesteps(Personal[S]):
    """A method that noises pictures at the model's own timesteps alone."""

    models = ("student",)

    def with_replay(self, loss: Tensor) -> Tensor:
        return with_replay(self, self.config, loss)


@PERSONALIZE.add("own-timesteps")
class OwnTimesteps(AtOwnTimesteps[OwnTimestepsConfig]):
    card = Card(
        title="Own timesteps and replay",
        paper="arXiv 2208.12242, 2410.03190",
        status="our formulation",
        good_for="students of one to eight steps: the subject comes, other prompts stay what they were",
        how="Show the pictures noised to the student's own timesteps; give its other outputs back to it as they were.",
    )
    Config = OwnTimestepsConfig

    def iteration(self, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        x0, said, weight, _ = batch
        cond = self.worded(said)
        subject = self.missed(x0, self.own_times(len(x0)), self.noise(cond), cond, weight).mean()
        self.log["subject"] = float(subject.detach())
        yield "personal", self.with_replay(subject)
