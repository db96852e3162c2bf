"""A subject taught to a student through an adapter that makes it a multi-step model again.

    first:  min_A  E_{x, c, t} ‖v_{θ + A}(x_t, t, c) − v(x, eps)‖²     x: samples of prompts c that no subject chose
    then:   DreamBooth's loss at all times on θ + A, A frozen in the weights; the user's adapter learns
    last:   A is left out; the student wears the user's adapter alone

ai-toolkit ships such adapters for distilled models and asks for them while one is trained on; there is no paper. What they keep
from happening is that the user's adapter learns to undo the distillation along with the subject, which is what blurs pictures of
few steps. A is the same for every subject, so it is trained once for a model and its settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser
from studio.core.edit import LowRank
from studio.core.lowrank import Adapter
from studio.core.material import ConditionalNetwork
from studio.core.method import Card, Method, MethodConfig, Streams, Trained
from studio.core.rng import rand
from studio.methods.personalize import PERSONALIZE
from studio.methods.personalize.dreambooth import DreamBooth, DreamBoothConfig
from studio.methods.personalize.personal import Untouched, missed
from studio.methods.personalize.relatives import Whose, among_relatives
from studio.methods.personalize.rows import Pictures, Reads


class UndoConfig(MethodConfig):
    """Of the first stage."""

    rank: int = 16
    batch: int = 16
    lr: float = 1e-3
    ema: float = 0.99


class Undo(Method[UndoConfig]):
    """The adapter A, called "undo", on the ordinary loss at all times."""

    card = Card(title="De-distilling", paper="none; ai-toolkit", status="our formulation", good_for="a stage of de-distill")
    Config = UndoConfig

    def __init__(self, config: UndoConfig, streams: Streams, denoiser: Denoiser, samples: Untouched, pictures: Pictures):
        super().__init__(config, streams)
        network = denoiser.network
        assert isinstance(network, ConditionalNetwork)
        network.requires_grad_(False).eval()
        self.denoiser, self.network, self.samples, self.pictures = denoiser, network, samples, pictures
        adapter = Adapter(network.adaptable("everything"), config.rank, config.rank, streams.seed).to(streams.device)
        self.adapter = adapter
        self.trained = {"undo": Trained(adapter, config.lr, ema=config.ema)}

    def batch(self) -> tuple[Tensor, Cond]:
        x0, cond, _ = self.samples.made(self.config.batch, self.streams["data"])
        return x0, cond

    def iteration(self, batch: tuple[Tensor, Cond], step: int) -> Iterator[tuple[str, Tensor]]:
        x0, cond = batch
        t = rand((len(x0),), self.streams["time"]).double() * self.denoiser.process.t_max
        eps = self.pictures.noise(cond, self.streams["noise"])
        yield "undo", missed(self.denoiser.process, self.velocity, x0, t, eps, cond).mean()

    def velocity(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        with self.network.wearing(self.adapter, 1.0):
            return self.denoiser.velocity(x, t, cond)


@torch.no_grad()
def merge(network: ConditionalNetwork, adapter: Adapter) -> None:
    """Put an adapter into the weights of a network at strength 1."""
    for place, down, up in zip(adapter.places, adapter.down.values(), adapter.up.values(), strict=True):
        weight = network.adapted.get_submodule(place).get_parameter("weight")
        weight.add_(LowRank(down, up, adapter.alpha).delta().to(weight))


class DeDistillConfig(DreamBoothConfig):
    undo_steps: int = Field(300, ge=1, le=100_000, description="Updates of the de-distilling adapter, once for a model")
    undo_rank: int = Field(16, ge=1, le=256, description="Rank of the de-distilling adapter")
    undo_batch: int = Field(16, ge=1, le=1024, description="Samples an update of the de-distilling adapter")
    undo_lr: float = Field(1e-3, gt=0, le=1, description="Learning rate of the de-distilling adapter")
    samples: Whose = Field("teacher", description="Whose samples the student is made a multi-step model of again")


@PERSONALIZE.add("de-distill")
class DeDistill(DreamBooth):
    card = Card(
        title="De-distilled while taught",
        paper="none; ai-toolkit's training adapters",
        status="our formulation after ai-toolkit's, which has no paper",
        good_for="students of several steps in loops that know the ordinary loss alone; own timesteps keep more on few steps",
        how="Make the student a multi-step model by an adapter, teach the subject through it, and leave that adapter out again.",
    )
    Config = DeDistillConfig
    models: ClassVar = ("student",)
    config: DeDistillConfig

    def __init__(
        self,
        config: DeDistillConfig,
        streams: Streams,
        denoiser: Denoiser,
        shots: Pictures,
        untouched: Untouched,
        read: Reads,
        start: Sequence[Tensor],
    ):
        super().__init__(config, streams, denoiser, shots, untouched, read, start)
        c, relatives = config, among_relatives(untouched, "de-distill")
        # its draws are of one seed, so that whichever run comes first trains the same
        of_stage = UndoConfig(rank=c.undo_rank, batch=c.undo_batch, lr=c.undo_lr)
        stage = Undo(of_stage, Streams(0, streams.device), denoiser, relatives.anything(c.samples), shots)
        undo = relatives.taught_once(stage, c.samples, c.undo_steps, "undo")
        assert isinstance(undo, Adapter)
        merge(self.network, undo)
