"""Where in a sample features stand, as an edit holds it: sines and cosines of their place, added behind one layer.

A network that was shown parts of one sample (SINE, Zhang et al. 2022, arXiv 2212.04489, section 3.3) is told where each lies: a
grid of places over the whole sample is cut with the same box and resampled to the part's size, and added to the features by a
matrix that is zero at first. Places are counted in units of the sample's shorter side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

BANDS = 6  # waves a side: of 2 sides, 1, 1/2, …
MODES = ("whole", "patches")  # what an edit of one sample was shown


@dataclass(frozen=True)
class Position:
    """layer: behind which it is added, by its path inside the model ("unet.conv_in"). weights: [C, 2 · A · BANDS] for A axes.
    extent: of the whole sample along each axis, its shorter side being 1."""

    layer: str
    weights: Tensor
    extent: tuple[float, ...]

    def __post_init__(self) -> None:
        waves = 2 * BANDS * len(self.extent)
        if self.weights.ndim != 2 or self.weights.shape[1] != waves or not bool(torch.isfinite(self.weights).all()):
            raise ValueError(f"positions of shape {list(self.weights.shape)} do not fit; finite numbers [C, {waves}] would")

    def change(self, size: Sequence[int], like: Tensor) -> Tensor:
        """[1, C, *size], for a sample that is drawn whole in this size, whatever its shape."""
        whole = torch.tensor([[[0.0, end] for end in self.extent]])
        return added(self.weights.to(like), grid(whole, size).to(like))

    def scaled(self, factor: float) -> Position:
        return replace(self, weights=self.weights * factor)


def grid(boxes: Tensor, size: Sequence[int]) -> Tensor:
    """[B, 2 · A · BANDS, *size]: sines, then cosines, of the places of a box's cells. boxes: [B, A, 2], where each begins and
    ends along each axis."""
    found = []
    for axis, n in enumerate(size):
        low, high = boxes[:, axis, :1], boxes[:, axis, 1:]
        at = low + (high - low) * (torch.arange(n, device=boxes.device) + 0.5) / n  # [B, n]
        angles = at[:, None] * math.pi * 2.0 ** torch.arange(BANDS, device=boxes.device)[:, None]
        waves = torch.cat([angles.sin(), angles.cos()], 1)  # [B, 2 · BANDS, n]
        shape = [1] * len(size)
        shape[axis] = n
        found.append(waves.view(*waves.shape[:2], *shape).expand(-1, -1, *size))
    return torch.cat(found, 1)


def added(weights: Tensor, waves: Tensor) -> Tensor:
    """[B, C, *size] of weights [C, W] and waves [B, W, *size]."""
    return torch.einsum("cw,bw...->bc...", weights, waves)
