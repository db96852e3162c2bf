"""The rows of a new word, and what they are learned from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond
from studio.core.domain import Said


class Pictures(Protocol):
    """Pictures of what the word is for."""

    def pictures(self, n: int, g: torch.Generator) -> tuple[Tensor, list[Said], Tensor | None]:
        """(x0 [n, *shape], n prompts that hold the word and are true of them, the share of every place of x0 that shows the
        subject, in [0, 1] and broadcast to x0's shape; None where nobody marked it)."""
        ...

    def noise(self, cond: Cond, g: torch.Generator) -> Tensor:
        """As `core.material.Material.noise`."""
        ...


class Reads(Protocol):
    """Prompts and rows [n, width], one tensor for each text encoder -> conditions, with gradient to the rows."""

    tables: list[Tensor]  # [words, width] of each encoder

    @property
    def empty(self) -> Cond:
        """Conditions of one sample of which nothing is said in words; what stands beside the text is not among them."""
        ...

    def __call__(self, said: Sequence[Said], rows: Sequence[Tensor]) -> Cond: ...


class TokenRows(nn.Module):
    """Rows [n, width] of one word for each text encoder. They are learned in units of the table's own root mean square, so
    that one learning rate fits models whose tables differ, and are never longer than the table's longest row, because long ones
    drown the other words of a prompt."""

    def __init__(self, start: Sequence[Tensor], tables: Sequence[Tensor]):
        super().__init__()
        self.units = [float(table.float().square().mean().sqrt()) for table in tables]
        self.longest = [float(table.float().norm(dim=1).max()) for table in tables]
        self.learned = nn.ParameterList([row.float() / unit for row, unit in zip(start, self.units, strict=True)])

    def forward(self) -> list[Tensor]:
        """As the table would hold them."""
        found = []
        for part, unit, longest in zip(self.learned, self.units, self.longest, strict=True):
            rows = part * unit
            found.append(rows * (longest / rows.norm(dim=1, keepdim=True).clamp(min=1e-12)).clamp(max=1.0))
        return found
