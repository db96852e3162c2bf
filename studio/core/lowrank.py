"""Low-rank adapters while they are trained, and strengths that differ from sample to sample in one batch.

y = W x + s · (alpha / rank) · B (A x), A random, B zero at first (Hu et al. 2021, arXiv 2106.09685, section 4.1). The network
is not changed: hooks add the second term while `applied` is open, so leaving it restores the network bit for bit.
`s` is one number or one a sample, which is what a slider needs: both of its ends, and all between, in one forward pass.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from studio.core.edit import Edit, EditCard, LowRank


class LayerChange(nn.Module, ABC):
    """What some layers of a network add to their outputs while it is worn, without the network."""

    @property
    @abstractmethod
    def places(self) -> tuple[str, ...]:
        """Of the layers, in the network."""

    @abstractmethod
    def change(self, place: str, layer: nn.Module, x: Tensor) -> Tensor:
        """Of one layer, of the shape of its output."""

    @abstractmethod
    def pairs(self, part: str) -> dict[str, LowRank]:
        """By layer of the named part of a model."""

    def edit(self, card: EditCard, part: str = "unet") -> Edit:
        """What was learned, as an edit of the named part of a model."""
        return Edit(self.pairs(part), card)


class Adapter(LayerChange):
    """The pairs (A, B) of some layers of a network, without the network.

    layers: Linear and Conv2d modules by their place in the network. rank >= 1; alpha > 0 is the strength at which they add
    up. seed: A is drawn from it alone.
    """

    def __init__(self, layers: Mapping[str, nn.Module], rank: int = 4, alpha: float = 4.0, seed: int = 0):
        super().__init__()
        if rank < 1 or not alpha > 0 or not math.isfinite(alpha):
            raise ValueError(f"rank {rank} and alpha {alpha:g} do not fit; a rank from 1 and an alpha above 0 would")
        if not layers:
            raise ValueError("no layer was chosen, so nothing could be trained; another set of layers would fit")
        self.rank, self.alpha = rank, float(alpha)
        g = torch.Generator().manual_seed(seed)
        self.down, self.up = nn.ParameterDict(), nn.ParameterDict()
        for place, layer in layers.items():
            weight = layer.get_parameter("weight")
            bound = 1 / math.sqrt(weight[0].numel())  # Kaiming, as PEFT and kohya begin
            first = (torch.rand(rank, *weight.shape[1:], generator=g) * 2 - 1) * bound
            last = torch.zeros(weight.shape[0], rank, *([1] * (weight.ndim - 2)))
            self.down[_key(place)] = nn.Parameter(first.to(weight.device))
            self.up[_key(place)] = nn.Parameter(last.to(weight.device))

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(key.replace("/", ".") for key in self.down)

    def change(self, place: str, layer: nn.Module, x: Tensor) -> Tensor:
        """(alpha / rank) · B (A x) of one layer, of the shape of its output."""
        down, up = self.down[_key(place)].to(x), self.up[_key(place)].to(x)
        if down.ndim == 2:
            return F.linear(F.linear(x, down), up) * (self.alpha / self.rank)
        conv = cast(nn.Conv2d, layer)  # or what stands in its place
        return F.conv2d(F.conv2d(x, down, None, conv.stride, conv.padding, conv.dilation), up) * (self.alpha / self.rank)

    def pairs(self, part: str) -> dict[str, LowRank]:
        found = {}
        for key, down in self.down.items():
            found[f"{part}.{key.replace('/', '.')}"] = LowRank(down.detach().cpu(), self.up[key].detach().cpu(), self.alpha)
        return found


@contextmanager
def applied(network: nn.Module, adapter: LayerChange, strength: float | Tensor) -> Iterator[None]:
    """The adapter is active on `network` at `strength` (a number, or [B] with one a sample) until the block is left."""

    def hook(place: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def add(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            change = adapter.change(place, layer, inputs[0])
            if isinstance(strength, Tensor):
                if len(strength) != len(change):
                    raise ValueError(f"{len(strength)} strengths were given for {len(change)} samples; one for each would fit")
                return output + strength.to(change).view(-1, *([1] * (change.ndim - 1))) * change
            return output + strength * change

        return add

    handles = [network.get_submodule(place).register_forward_hook(hook(place)) for place in adapter.places]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _key(place: str) -> str:
    return place.replace(".", "/")  # a ParameterDict takes no dots
