"""A low-rank adapter that is also told where in a sample its features stand (`core.position`)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from studio.core.edit import Edit, EditCard
from studio.core.lowrank import Adapter
from studio.core.position import BANDS, Position, added, grid


class PlacedAdapter(Adapter):
    """first: the layer behind which places are added, with its place in the network; its outputs stand where its inputs do.
    extent: of the whole sample along each axis, its shorter side being 1.

    boxes: [B, A, 2], which part of the sample each of a batch is; None is the whole sample, which is how it is sampled.
    """

    def __init__(
        self,
        layers: Mapping[str, nn.Module],
        first: tuple[str, nn.Module],
        extent: tuple[float, ...],
        rank: int = 4,
        alpha: float = 4.0,
        seed: int = 0,
    ):
        super().__init__(layers, rank, alpha, seed)
        self.first, layer = first
        self.extent, self.boxes = extent, None
        weight = layer.get_parameter("weight")
        self.position = nn.Parameter(torch.zeros(len(weight), 2 * BANDS * len(extent), device=weight.device))

    boxes: Tensor | None

    @property
    def places(self) -> tuple[str, ...]:
        return (*super().places, self.first)

    def change(self, place: str, layer: nn.Module, x: Tensor) -> Tensor:
        if place != self.first:
            return super().change(place, layer, x)
        whole = torch.tensor([[[0.0, end] for end in self.extent]])
        boxes = whole.expand(len(x), -1, -1) if self.boxes is None else self.boxes
        return added(self.position.to(x), grid(boxes.to(x.device), x.shape[2:]).to(x))

    def edit(self, card: EditCard, part: str = "unet") -> Edit:
        where = Position(f"{part}.{self.first}", self.position.detach().cpu(), self.extent)
        return Edit(self.pairs(part), card, position=where)
