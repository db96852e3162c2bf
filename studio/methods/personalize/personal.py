"""What all methods of personalization share: a frozen network, the rows of one word, an adapter, and what must not change.

Notation: y a picture of the subject, c_V a prompt with its word, t a timestep, x_t = alpha y + sigma eps, x̂ the network's clean
estimate with the adapter, x̂* without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, Protocol, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from studio.core.denoiser import Cond, Denoiser, expand
from studio.core.domain import Said
from studio.core.lowrank import Adapter
from studio.core.material import ConditionalNetwork, LayerSet
from studio.core.method import Method, MethodConfig, Sampling, Streams, Trained
from studio.core.process import Gaussian
from studio.core.rng import rand, randint
from studio.core.simulate import add_noise
from studio.methods.personalize.min_snr import min_snr
from studio.methods.personalize.rows import Pictures, Reads, TokenRows


class Batch(NamedTuple):
    """Pictures x0 [B, *shape], prompts with the word that are true of them, and what each place of x0 counts, with mean 1 over a
    picture; None where all count alike."""

    x0: Tensor
    said: list[Said]
    weight: Tensor | None
    boxes: Tensor | None = None  # [B, A, 2], in which part of its picture each lies (`core.medium.Parts`)


class Untouched(Protocol):
    """What the model does as it is, without the subject."""

    timesteps: tuple[float, ...]  # at which it is sampled, decreasing
    distilled: bool  # whether it knows these timesteps alone

    def visited(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Cond]:
        """(x_t [n, *shape], t [n], conditions) that its sampling passes through, of prompts without the word."""

    def made(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond, list[Said]]:
        """(samples [n, *shape] of prompts of the subject's class, their conditions, the same prompts with the word)."""


class WordConfig(MethodConfig):
    batch: int = Field(8, ge=1, le=1024, description="Pictures of the subject an update")
    word_lr: float = Field(
        0.02, ge=0, le=10, title="Word's learning rate", description="In units of the mean entry of the text encoder's table"
    )
    ema: float = Field(0.95, ge=0, lt=1, description="EMA of all that is learned")
    outside: float = Field(
        1.0, ge=0, le=1, title="Outside the mask", description="What places outside a picture's mask count; 1 ignores masks"
    )


class PersonalConfig(WordConfig):
    rank: int = Field(8, ge=1, le=256, description="Rank of the adapter")
    alpha: float = Field(8.0, gt=0, le=1024, description="Strength 1 multiplies the adapter by alpha / rank")
    layers: LayerSet = Field("everything", description="Which layers it changes")
    lr: float = Field(2e-3, gt=0, le=1, description="Learning rate of the adapter")


W = TypeVar("W", bound=WordConfig)
C = TypeVar("C", bound=PersonalConfig)


class Learned(nn.Module):
    """The word's rows and an adapter, which one optimiser steps at two rates. faster: the word's rate over the adapter's.
    start: where the rows began, of rows that others learn as well."""

    def __init__(self, adapter: Adapter | None, rows: TokenRows, faster: float, start: Sequence[Tensor] | None = None):
        super().__init__()
        self.adapter, self.rows, self.faster = adapter, rows, faster
        self.start = [part.detach().clone() for part in rows.learned] if start is None else list(start)
        with torch.no_grad():
            for part in rows.learned if start is None else ():
                part.zero_()  # how far they have gone, so that a step of the rate is a step of faster times the rate

    def beside(self, adapter: Adapter | None) -> Learned:
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


Velocity = Callable[[Tensor, Tensor, Cond], Tensor]


def missed(
    process: Gaussian, velocity: Velocity, x0: Tensor, t: Tensor, eps: Tensor, cond: Cond, weight: Tensor | None = None
) -> Tensor:
    """[B] squared error of a velocity at x_t, of what means x0 there, over (alpha² + sigma²)²: that of v on variance-preserving
    models, that of eps − x0 on flows. weight: as in `Batch`."""
    alpha, sigma = process.alpha_sigma(t)
    wanted = expand(alpha, x0) * eps - expand(sigma, x0) * x0
    error = apart(process, velocity(add_noise(process, x0, t, eps), t, cond), wanted, t)
    return (error if weight is None else error * weight).flatten(1).mean(1)


def apart(process: Gaussian, one: Tensor, other: Tensor, t: Tensor) -> Tensor:
    """[B, ...] squared distance of two velocities as the model's own loss has it."""
    alpha, sigma = process.alpha_sigma(t)
    return ((one - other) / expand(alpha**2 + sigma**2, one)).square()


class Worded(Method[W]):
    """A method that teaches a word and, where it has one, an adapter. The trained module is called "personal"."""

    def __init__(
        self,
        config: W,
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
        self.learned = Learned(self.adapter(), TokenRows(start, read.tables), config.word_lr / self.rate).to(streams.device)
        self.trained = {"personal": Trained(self.learned, self.rate, ema=config.ema)}

    def adapter(self) -> Adapter | None:
        """A new one for the network; None where the word alone learns."""
        return None

    @property
    def rate(self) -> float:
        """Learning rate of the trained module."""
        return self.config.word_lr

    def batch(self) -> Batch:
        x0, said, inside = self.shots.pictures(self.config.batch, self.streams["data"])
        return Batch(x0, said, self._weight(inside))

    def _weight(self, inside: Tensor | None) -> Tensor | None:
        """Of every place, `outside` outside a mask against 1 inside, over its mean in the picture."""
        if inside is None or self.config.outside == 1:
            return None
        found = self.config.outside + (1 - self.config.outside) * inside
        return found / found.mean(tuple(range(1, found.ndim)), keepdim=True).clamp(min=1e-6)

    def recompute(self) -> None:
        """From now on the backward pass computes blocks of the network again instead of finding them kept."""
        self.network.recompute(True)

    def worded(self, said: Sequence[Said]) -> Cond:
        """Conditions of prompts with the word, with gradient to its rows."""
        return self.read(said, self.learned.word())

    def any_times(self, n: int) -> Tensor:
        """[n] float64 from the whole range."""
        return rand((n,), self.streams["time"]).double() * self.denoiser.process.t_max

    def own_times(self, n: int) -> Tensor:
        """[n] float64 of the timesteps at which the model is sampled."""
        times = torch.tensor(self.untouched.timesteps, dtype=torch.float64, device=self.streams.device)
        return times[randint(len(times), (n,), self.streams["time"])]

    def wearing(self) -> AbstractContextManager[None]:
        """With the adapter, where there is one."""
        return nullcontext() if self.learned.adapter is None else self.network.wearing(self.learned.adapter, 1.0)

    def velocity(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """alpha eps − sigma x̂ [B, ...], as taught: finite at every time, and of even size from noise to picture."""
        with self.wearing():
            return self.denoiser.velocity(x, t, cond)

    def missed(
        self, x0: Tensor, t: Tensor, eps: Tensor, cond: Cond, weight: Tensor | None = None, *, bare: bool = False
    ) -> Tensor:
        """[B] squared error of the velocity at x_t, of what means x0 there. weight: as in `Batch`. bare: without the adapter."""
        velocity = self.denoiser.velocity if bare else self.velocity
        return missed(self.denoiser.process, velocity, x0, t, eps, cond, weight)

    def missed_anywhere(self, x0: Tensor, cond: Cond, gamma: float, weight: Tensor | None = None) -> Tensor:
        """The mean of `missed` over times from the whole range, weighed by `min_snr` at gamma."""
        t = self.any_times(len(x0))
        return (min_snr(self.denoiser.process, t, gamma) * self.missed(x0, t, self.noise(cond), cond, weight)).mean()

    def changed(self, n: int) -> Tensor:
        """How far the velocity has moved, squared, where the untouched model passes: what output replay keeps small.

        The same noise must give the same picture for prompts that do not speak of the subject, one by one, and not only
        pictures of the same kind.
        """
        x, t, cond = self.untouched.visited(n, self.streams["replay"])
        with torch.no_grad():
            before = self.denoiser.velocity(x, t, cond)
        return apart(self.denoiser.process, self.velocity(x, t, cond), before, t).mean()

    def noise(self, cond: Cond) -> Tensor:
        return self.shots.noise(cond, self.streams["noise"])

    def sampling(self) -> Sampling:
        raise TypeError("a subject is no student; it is worn by models that are sampled as they are")


class Personal(Worded[C]):
    """A method that teaches a word and an adapter."""

    def adapter(self) -> Adapter:
        config = self.config
        return Adapter(self.network.adaptable(config.layers), config.rank, config.alpha, self.streams.seed)

    @property
    def rate(self) -> float:
        return self.config.lr
