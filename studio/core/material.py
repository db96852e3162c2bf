"""What a method needs from the world it teaches in; the domain or family behind it is not its business."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond
from studio.core.lowrank import LayerChange, applied
from studio.core.method import Sampling

LayerSet = Literal[
    "no cross-attention", "everything", "attention", "self-attention", "cross-attention", "cross-attention keys and values"
]
Reward = Callable[[Tensor], Tensor]  # clean samples [B, *shape] -> [B], larger is better, differentiable


class Material(Protocol):
    """Clean samples and conditions, drawn with the generator that is passed in."""

    shape: tuple[int, ...]  # of one sample, without the batch axis

    def data(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond]:
        """(x0 [n, *shape], cond) from the data set."""
        ...

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        """Conditions alone; must not touch any data."""
        ...

    def null(self, cond: Cond) -> Cond:
        """The unconditional condition, of the same batch size."""
        ...

    def noise(self, cond: Cond, g: torch.Generator) -> Tensor:
        """Standard normal [B, *shape] for samples under these conditions, onto what they can be (`core.domain.Hands.project`).
        The one source of noise of a method."""
        ...


class Contrast(Protocol):
    """An attribute that a slider is to move, as samples, as words, or as a direction of features."""

    shape: tuple[int, ...]

    def samples(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Cond]:
        """(x0 [n, *shape], level [n] in [−1, 1] of the attribute in each, conditions that do not speak of it)."""
        ...

    def words(self, n: int, g: torch.Generator) -> tuple[Cond, Cond, Cond]:
        """(neutral, negative, positive) conditions of n prompts. ValueError where no words for the attribute are known."""
        ...

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        """Conditions that do not speak of the attribute."""
        ...

    def null(self, cond: Cond) -> Cond:
        """The unconditional condition, of the same batch size."""
        ...

    def noise(self, cond: Cond, g: torch.Generator) -> Tensor:
        """As `Material.noise`."""
        ...

    def features(self, x0: Tensor, cond: Cond) -> Tensor:
        """[n, D] of clean samples under these conditions, with gradient."""
        ...


@runtime_checkable
class Graded(Protocol):
    """What some materials can do besides: say how well a sample shows what its condition asks for."""

    def graded(self, n: int, g: torch.Generator) -> tuple[Cond, Reward]:
        """Conditions alone, as `Material.conditions` draws them, and the reward of samples drawn under them, in their order."""
        ...


def graded(material: Material) -> Graded:
    """The material as one that grades; ValueError in one sentence when it does not."""
    if isinstance(material, Graded):
        return material
    raise ValueError("this objective follows a reward, and these data come with none; models that have an oracle would fit")


class Replaced(Protocol):
    """Conditions, and what is asked in their place wherever they state a concept."""

    def conditions(self, n: int, share: float, g: torch.Generator) -> tuple[Cond, Cond]:
        """(conditions of n prompts, the same with what the concept becomes). Each prompt states the concept with probability
        `share`, in [0, 1]; where it does not, its rows are equal in both."""
        ...


@runtime_checkable
class Replacing(Protocol):
    """What some materials can do besides: find the prompts that state a concept, and write them with another."""

    def replacing(self, forget: str, becomes: str, keep: str) -> Replaced:
        """All three in words, several with commas between; `becomes` may be empty for what the data offer. ValueError in one
        sentence where they cannot be meant."""
        ...


def replacing(material: Material, forget: str, becomes: str, keep: str) -> Replaced:
    """The material's prompts with a concept replaced; ValueError in one sentence when it cannot read them."""
    if isinstance(material, Replacing):
        return material.replacing(forget, becomes, keep)
    raise ValueError("this objective leaves out a concept, and nobody knows what these prompts state; a known world would fit")


class ConditionalNetwork(nn.Module):
    """Base class of trainable networks: ``forward(x [B, ...], t [B], cond) -> F [B, ...]``.

    started: how the students that `student` gives are sampled already, where they are students and no copies of a teacher.
    """

    started: Sampling | None = None
    _pupil: Callable[[], ConditionalNetwork] | None = None

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        raise TypeError(f"{type(self).__name__} has no forward; wrap a network in a class that defines it")

    def trainable_copy(self) -> ConditionalNetwork:
        """A network that gives what this one gives and may be trained without changing it; by default a full copy."""
        return copy.deepcopy(self).requires_grad_(True).train()

    def student(self) -> ConditionalNetwork:
        """The network an objective trains as its student: what `teaches` was given makes it, otherwise `trainable_copy`.

        Fake scores and other networks that must know what the teacher knows are `trainable_copy`s, whatever the student is.
        """
        return self.trainable_copy() if self._pupil is None else self._pupil()

    def teaches(self, pupil: Callable[[], ConditionalNetwork], started: Sampling | None = None) -> None:
        """From now on `student` gives what ``pupil`` makes: a network of its own at every call, trainable, always the same."""
        # copies of this network share a function; a bound method they would copy with its owner
        self._pupil, self.started = lambda: pupil(), started

    def features(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """Inner features [B, C] or [B, C, ...] for a discriminator's head."""
        raise TypeError(f"{type(self).__name__} gives no features, so objectives with a discriminator cannot use it")

    # -- adapters --------------------------------------------------------------------------------------------------

    @property
    def adapted(self) -> nn.Module:
        """The module whose layers adapters name."""
        return self

    def adaptable(self, chosen: LayerSet) -> dict[str, nn.Module]:
        """Linear and Conv2d layers by their place in `adapted`, of a set that trainers of adapters offer. Networks without
        attention have one set, everything."""
        if chosen not in ("everything", "no cross-attention"):
            raise ValueError(f"{type(self).__name__} has no layers called {chosen}; everything would fit")
        return {place: layer for place, layer in self.adapted.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)}

    @property
    def first_layer(self) -> tuple[str, nn.Module]:
        """The first layer with its place in `adapted`; its outputs stand where the sample's positions do."""
        raise TypeError(f"{type(self).__name__} has no layer that could be told where a part lies; the whole would fit")

    def wearing(self, adapter: LayerChange, strength: Tensor | float) -> AbstractContextManager[None]:
        """With an adapter that is being taught, at a strength or one for each sample [B]."""
        return applied(self.adapted, adapter, strength)

    def recompute(self, flag: bool) -> None:
        """Whether the backward pass computes a part of this network again instead of finding it kept: less memory, more time."""
        raise TypeError(f"{type(self).__name__} cannot compute a part of itself twice; train it with checkpointing off")

    def with_guidance_input(self) -> ConditionalNetwork:
        """A copy that also reads cond["w"] [B], the guidance scale; until trained it gives what this one gives."""
        raise TypeError(f"{type(self).__name__} cannot take the guidance scale as an input")


GUIDANCE_DIM = 64  # width of the embedding of w in students that take it as an input


def guidance_embedding(w: Tensor, dim: int) -> Tensor:
    """[B] -> [B, dim]: sines and cosines of 1000 (w − 1), as diffusers' LCM pipeline embeds the scale."""
    half = dim // 2
    frequencies = torch.exp(-math.log(10000.0) * torch.arange(half, dtype=torch.float32, device=w.device) / (half - 1))
    angles = 1000.0 * (w.float()[:, None] - 1.0) * frequencies
    return torch.nn.functional.pad(torch.cat([angles.sin(), angles.cos()], 1), (0, dim % 2))
