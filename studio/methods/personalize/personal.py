"""What all methods of personalization share: a frozen network, one adapter, the rows of one word, and what must not change.

Notation: y a picture of the subject, c_V a prompt with its word, t a timestep, x_t = alpha y + sigma eps, x̂ the network's clean
estimate with the adapter, x̂* without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from studio.core.denoiser import Cond, Denoiser, from_x0
from studio.core.domain import Said
from studio.core.lowrank import Adapter
from studio.core.material import ConditionalNetwork, LayerSet
from studio.core.method import Method, MethodConfig, Sampling, Streams, Trained
from studio.core.process import Gaussian
from studio.core.simulate import add_noise
from studio.methods.words.textual_inversion import Pictures, Reads, TokenRows

Batch = tuple[Tensor, list[Said]]


class Untouched(Protocol):
    """What the model does as it is, without the subject."""

    timesteps: tuple[float, ...]  # at which it is sampled, decreasing

    def visited(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Cond]:
        """(x_t [n, *shape], t [n], conditions) that its sampling passes through, of prompts without the word."""

    def made(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond, list[Said]]:
        """(samples [n, *shape] of prompts of the subject's class, their conditions, the same prompts with the word)."""


class PersonalConfig(MethodConfig):
    rank: int = Field(8, ge=1, le=256, description="Rank of the adapter")
    alpha: float = Field(8.0, gt=0, le=1024, description="Strength 1 multiplies the adapter by alpha / rank")
    layers: LayerSet = Field("everything", description="Which layers it changes")
    batch: int = Field(8, ge=1, le=1024, description="Pictures of the subject an update")
    lr: float = Field(2e-3, gt=0, le=1, description="Learning rate of the adapter")
    word_lr: float = Field(0.02, ge=0, le=10, description="Learning rate of the word, in units of the table's mean entry")
    ema: float = Field(0.95, ge=0, lt=1, description="EMA of adapter and word")


C = TypeVar("C", bound=PersonalConfig)


class Learned(nn.Module):
    """The adapter and the word's rows, which one optimiser steps at two rates. faster: the word's rate over the adapter's.
    start: where the rows began, of rows that others learn as well."""

    def __init__(self, adapter: Adapter, rows: TokenRows, faster: float, start: Sequence[Tensor] | None = None):
        super().__init__()
        self.adapter, self.rows, self.faster = adapter, rows, faster
        self.start = [part.detach().clone() for part in rows.learned] if start is None else list(start)
        with torch.no_grad():
            for part in rows.learned if start is None else ():
                part.zero_()  # how far they have gone, so that a step of the rate is a step of faster times the rate

    def beside(self, adapter: Adapter) -> Learned:
        """Another adapter with these very rows: whoever steps either steps the one word."""
        return Learned(adapter, self.rows, self.faster, self.start)

    def word(self) -> list[Tensor]:
        """Rows [n, width] as each encoder's table would hold them."""
        found = []
        rows = self.rows
        for part, begun, unit, longest in zip(rows.learned, self.start, rows.units, rows.longest, strict=True):
            row = (begun.to(part) + self.faster * part) * unit
            found.append(row * (longest / row.norm(dim=1, keepdim=True).clamp(min=1e-12)).clamp(max=1.0))
        return found


def missed(
    process: Gaussian, velocity: Callable[[Tensor, Tensor, Cond], Tensor], x0: Tensor, t: Tensor, eps: Tensor, cond: Cond
) -> Tensor:
    """[B] squared error of a velocity at x_t, of what means x0 there."""
    x = add_noise(process, x0, t, eps)
    target = from_x0("v", x0, x, *process.alpha_sigma(t))
    return (velocity(x, t, cond) - target).flatten(1).square().mean(1)


class Personal(Method[C]):
    """The trained module is called "personal"."""

    def __init__(
        self,
        config: C,
        streams: Streams,
        denoiser: Denoiser,
        shots: Pictures,
        untouched: Untouched,
        read: Reads,
        start: Sequence[Tensor],
    ):
        super().__init__(config, streams)
        network = denoiser.network
        assert isinstance(network, ConditionalNetwork)
        network.requires_grad_(False).eval()
        self.denoiser, self.network, self.shots, self.untouched, self.read = denoiser, network, shots, untouched, read
        adapter = Adapter(network.adaptable(config.layers), config.rank, config.alpha, streams.seed)
        self.learned = Learned(adapter, TokenRows(start, read.tables), config.word_lr / config.lr).to(streams.device)
        self.trained = {"personal": Trained(self.learned, config.lr, ema=config.ema)}

    def batch(self) -> Batch:
        return self.shots.pictures(self.config.batch, self.streams["data"])

    def recompute(self) -> None:
        """From now on the backward pass computes blocks of the network again instead of finding them kept."""
        self.network.recompute(True)

    def worded(self, said: Sequence[Said]) -> Cond:
        """Conditions of prompts with the word, with gradient to its rows."""
        return self.read(said, self.learned.word())

    def velocity(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """alpha eps − sigma x̂ [B, ...], with the adapter: finite at every time, and of even size from noise to picture."""
        with self.network.wearing(self.learned.adapter, 1.0):
            return self.denoiser.velocity(x, t, cond)

    def missed(self, x0: Tensor, t: Tensor, eps: Tensor, cond: Cond, *, bare: bool = False) -> Tensor:
        """[B] squared error of the velocity at x_t, of what means x0 there. bare: without the adapter."""
        return missed(self.denoiser.process, self.denoiser.velocity if bare else self.velocity, x0, t, eps, cond)

    def changed(self, n: int) -> Tensor:
        """How far the velocity has moved, squared, where the untouched model passes: what output replay keeps small.

        The same noise must give the same picture for prompts that do not speak of the subject, one by one, and not only
        pictures of the same kind.
        """
        x, t, cond = self.untouched.visited(n, self.streams["replay"])
        with torch.no_grad():
            before = self.denoiser.velocity(x, t, cond)
        return (self.velocity(x, t, cond) - before).square().mean()

    def noise(self, cond: Cond) -> Tensor:
        return self.shots.noise(cond, self.streams["noise"])

    def sampling(self) -> Sampling:
        raise TypeError("an adapter is no student; it is worn by models that are sampled as they are")
