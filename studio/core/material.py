"""What a method needs from the world it teaches in; the domain or family behind it is not its business."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond


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


class ConditionalNetwork(nn.Module):
    """Base class of trainable networks: ``forward(x [B, ...], t [B], cond) -> F [B, ...]``."""

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        raise TypeError(f"{type(self).__name__} has no forward; wrap a network in a class that defines it")


class UNetNetwork(ConditionalNetwork):
    """A diffusers UNet2DConditionModel under the common signature; text states are ``cond['states']`` [B, L, D]."""

    def __init__(self, unet: nn.Module):
        super().__init__()
        self.unet = unet

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        return self.unet(x, t, cond["states"], return_dict=False)[0]
