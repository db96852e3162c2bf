"""A subject on a teacher whose other pictures are given back to it: DreamBooth's loss, and output replay.

    L = L_DreamBooth + λ E ‖v_θ(x_t, t, c) − v_θ*(x_t, t, c)‖²

x_t are states that the untouched model's own sampling passes through, of prompts without the word; v* is its answer there. Prior
pictures keep the class what it is, and nothing else: other prompts lost on a teacher what replay keeps (docs/findings.md). The
second term is that of `own_timesteps`, at the timesteps at which a teacher is sampled.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from studio.core.method import Card
from studio.methods.personalize import PERSONALIZE
from studio.methods.personalize.dreambooth import DreamBooth, DreamBoothConfig
from studio.methods.personalize.personal import Batch
from studio.methods.personalize.replay import ReplayConfig, with_replay


class DreamBoothReplayConfig(ReplayConfig, DreamBoothConfig):
    pass


@PERSONALIZE.add("dreambooth-replay")
class DreamBoothReplay(DreamBooth):
    card = Card(
        title="DreamBooth and replay",
        paper="arXiv 2208.12242",
        status="our formulation",
        good_for="teachers: the subject comes, other prompts stay what they were, and students wear the adapter",
        how="DreamBooth as published; beside it the teacher's other answers are given back to it as they were.",
    )
    Config = DreamBoothReplayConfig
    config: DreamBoothReplayConfig

    def iteration(self, batch: Batch, step: int) -> Iterator[tuple[str, Tensor]]:
        for name, loss in super().iteration(batch, step):
            yield name, with_replay(self, self.config, loss)
