"""One picture under its source prompt, whole or in random parts, as teaching material for `methods.personalize.sine`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from studio.core.domain import Said
from studio.core.family import OpenModel
from studio.core.medium import Parts
from studio.core.rng import randint
from studio.workshop.material.captions import Device, Say
from studio.workshop.material.kept import encoded_once
from studio.workshop.material.words import Pictured
from studio.workshop.projection import Noise

BATCH = 32  # parts that are encoded together
SEED = 616_161  # of the boxes
LARGEST = 0.25  # share of boxes


class Patched(Pictured):
    """latents: of the whole picture, cut to the model's shape. parts: gives, on first need, latents [N, *shape] of the parts that
    lie in `boxes` [N, A, 2]. extent: as of `core.medium.Parts`."""

    def __init__(
        self,
        latents: Callable[[], Tensor],
        prompts: Sequence[Sequence[Said]],
        noise: Noise,
        device: Device,
        parts: Callable[[], Tensor],
        boxes: Tensor,
        extent: tuple[float, ...],
    ):
        super().__init__(latents, prompts, noise, device)
        self.extent, self.boxes = extent, boxes.to(device)
        self._parts, self._cut = parts, torch.zeros(0)

    def patches(self, n: int, g: torch.Generator) -> tuple[Tensor, list[Said], Tensor]:
        if not len(self._cut):
            self._cut = self._parts().to(self.device)
        index, which = randint(len(self._cut), (n,), g), randint(len(self.prompts[0]), (n,), g)
        return self._cut[index].float(), [self.prompts[0][k] for k in which.tolist()], self.boxes[index]


def boxes_of(medium: Parts, sample: Tensor, n: int, least: float) -> Tensor:
    """[n, A, 2] of random parts of a sample, the same at every call; a share of them as large as parts can be, because that is
    how it is drawn."""
    g, largest = torch.Generator().manual_seed(SEED), round(n * LARGEST)
    return torch.cat([medium.boxes(sample, largest, 1.0, g), medium.boxes(sample, n - largest, least, g)])


def encoded_parts(path: Path, model: OpenModel, medium: Parts, sample: Tensor, boxes: Tensor, say: Say) -> Tensor:
    """Latents [n, *shape] of the parts of a sample, encoded once and kept in a file."""

    def batches() -> Iterator[Tensor]:
        for some in boxes.split(BATCH):
            yield torch.stack([medium.part(sample, box, model.sample_shape) for box in some])

    return encoded_once(path, model, batches(), len(boxes), say)
