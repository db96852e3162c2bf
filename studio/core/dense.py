"""A change of some layers that is not low-rank: every weight may move, or those of a mask alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from studio.core.edit import LowRank
from studio.core.lowrank import LayerChange


class DenseChange(LayerChange):
    """W of the layers becomes W + D while it is worn (`core.lowrank.applied`). layers: Linear and Conv2d modules by their place.

    What is masked out stays exactly where it was. As an edit it is the low-rank pair (D, 1), which holds it without loss.
    """

    def __init__(self, layers: Mapping[str, nn.Module]):
        super().__init__()
        if not layers:
            raise ValueError("no layer was chosen, so nothing could be changed; another set of layers would fit")
        self.delta = nn.ParameterDict()
        for place, layer in layers.items():
            weight = layer.get_parameter("weight")
            self.delta[_key(place)] = nn.Parameter(torch.zeros(weight.shape, device=weight.device))
            self.register_buffer(_mask(place), torch.ones(weight.shape, dtype=torch.bool, device=weight.device))

    @property
    def places(self) -> tuple[str, ...]:
        return tuple(key.replace("/", ".") for key in self.delta)

    def mask(self, place: str) -> Tensor:
        """bool, of the weight's shape: what may move."""
        return self.get_buffer(_mask(place))

    def of(self, place: str) -> Tensor:
        """D of a layer."""
        return self.delta[_key(place)] * self.mask(place)

    def set(self, place: str, delta: Tensor) -> None:
        with torch.no_grad():
            self.delta[_key(place)].copy_(delta.to(self.delta[_key(place)]))

    def change(self, place: str, layer: nn.Module, x: Tensor) -> Tensor:
        """D x, of the shape of the layer's output."""
        delta = self.of(place).to(x)
        if delta.ndim == 2:
            return F.linear(x, delta)
        conv = cast(nn.Conv2d, layer)
        return F.conv2d(x, delta, None, conv.stride, conv.padding, conv.dilation)

    def pairs(self, part: str) -> dict[str, LowRank]:
        """Layers that did not change are left out."""
        found = {}
        for place in self.places:
            delta = self.of(place).detach().cpu().float()
            if not bool(delta.any()):
                continue
            n = len(delta)
            ones = torch.eye(n).reshape(n, n, *([1] * (delta.ndim - 2)))
            found[f"{part}.{place}"] = LowRank(delta, ones, float(n))
        return found


def _key(place: str) -> str:
    return place.replace(".", "/")  # a ParameterDict takes no dots


def _mask(place: str) -> str:
    return f"mask/{_key(place)}"
