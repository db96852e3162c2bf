"""What all methods of unlearning share: a frozen network, what it draws of prompts with the concept and without, one change.

Notation: c_f a prompt with the concept, c_o the same prompt with what it becomes, c_r any other prompt; v the network's velocity
at x_t with the change, v* without. Velocities are used wherever papers write eps: they differ by a factor of the time alone, and
are finite at every time.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser
from studio.core.lowrank import Adapter, LayerChange
from studio.core.material import ConditionalNetwork, LayerSet
from studio.core.method import Method, MethodConfig, Sampling, Streams, Trained


class Passed(NamedTuple):
    """States x_t [B, *shape] that the untouched model's sampling passes through, t [B], and what was asked for there: with the
    concept, with what it becomes, and with a thing of its kind that was drawn for each prompt once."""

    x: Tensor
    t: Tensor
    forget: Cond
    becomes: Cond
    other: Cond


class Matter(Protocol):
    """Prompts, and what the untouched model makes of them."""

    concepts: int  # how many are to go

    def anchored(self, n: int, g: torch.Generator, concept: int | None = None) -> Passed:
        """On the way to what the concept becomes; of one concept alone where it is given."""

    def concerned(self, n: int, g: torch.Generator) -> Passed:
        """On the way to the concept."""

    def elsewhere(self, n: int, g: torch.Generator) -> Passed:
        """On the way to things of its kind."""

    def kept(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Cond]:
        """(x_t, t, conditions) on the way to what must stay."""

    def pairs(self, concept: int | None = None) -> tuple[Cond, Cond]:
        """Conditions (with the concept, with what it becomes) of every prompt, of one concept or of all."""

    def staying(self) -> Cond:
        """Conditions of every prompt that must stay."""

    def null(self, cond: Cond) -> Cond:
        """The unconditional condition, of the same batch size."""

    def noise(self, cond: Cond, g: torch.Generator) -> Tensor:
        """As `core.material.Material.noise`."""

    def teacher(self) -> Denoiser:
        """The teacher of a student, frozen. ValueError in one sentence where there is none."""


class ForgettingConfig(MethodConfig):
    layers: LayerSet = Field("cross-attention keys and values", description="Which layers it changes")


class TrainedConfig(ForgettingConfig):
    batch: int = Field(8, ge=1, le=1024, description="Prompts with the concept an update")
    rank: int = Field(8, ge=1, le=256, description="Rank of the change")
    lr: float = Field(2e-3, gt=0, le=1, description="Learning rate")
    retain: float = Field(10.0, ge=0, le=1000, description="Weight of what other prompts gave before; 0 leaves them free")
    retained: int = Field(8, ge=1, le=1024, description="States of other prompts an update")


F = TypeVar("F", bound=ForgettingConfig)
C = TypeVar("C", bound=TrainedConfig)


class Forgetting(Method[F]):
    """The trained module is called "forgetting". closed_form: its one update finds the solution, and more of them add nothing."""

    closed_form = False
    ema: float | None = None

    def __init__(self, config: F, streams: Streams, denoiser: Denoiser, matter: Matter):
        super().__init__(config, streams)
        network = denoiser.network
        assert isinstance(network, ConditionalNetwork)
        network.requires_grad_(False).eval()
        self.denoiser, self.network, self.matter = denoiser, network, matter
        self.change = self.changing().to(streams.device)
        self.trained = {"forgetting": Trained(self.change, self.rate, ema=self.ema)}

    @property
    def rate(self) -> float:
        """Learning rate of the change."""
        return 1e-3

    @abstractmethod
    def changing(self) -> LayerChange:
        """A new change that does nothing yet."""

    def velocity(self, x: Tensor, t: Tensor, cond: Cond, *, bare: bool = False) -> Tensor:
        """alpha eps − sigma x̂ [B, ...] with the change; bare: without."""
        if bare:
            return self.denoiser.velocity(x, t, cond)
        with self.network.wearing(self.change, 1.0):
            return self.denoiser.velocity(x, t, cond)

    def batch(self) -> None:
        """All that is drawn is drawn in the iteration, each with a generator of its own."""

    def recompute(self) -> None:
        """From now on the backward pass computes blocks of the network again instead of finding them kept."""
        self.network.recompute(True)

    def sampling(self) -> Sampling:
        raise TypeError("what makes a model forget is no student; it is worn by models that are sampled as they are")


class LowRankForgetting(Forgetting[C]):
    """A method that trains a low-rank change, and keeps what other prompts gave."""

    ema: float | None = 0.9

    @property
    def rate(self) -> float:
        return self.config.lr

    def changing(self) -> LayerChange:
        config = self.config
        return Adapter(self.network.adaptable(config.layers), config.rank, float(config.rank), self.streams.seed)

    def with_retained(self, loss: Tensor) -> Tensor:
        """And what other prompts have moved by, squared, at its weight."""
        if not self.config.retain:
            return loss
        x, t, cond = self.matter.kept(self.config.retained, self.streams["retain"])
        with torch.no_grad():
            before = self.velocity(x, t, cond, bare=True)
        moved = (self.velocity(x, t, cond) - before).square().mean()
        self.log["retain"] = float(moved.detach())
        return loss + self.config.retain * moved


def rows(cond: Cond, index: Tensor | Sequence[int]) -> Cond:
    """Some rows of conditions."""
    where = torch.as_tensor(index)
    return {name: part[where.to(part.device)] for name, part in cond.items()}
