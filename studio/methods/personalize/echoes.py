"""Samples of a student that join the pictures it is taught from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from studio.core.domain import Said
from studio.core.files import Json
from studio.core.rng import randint


class Echoes(nn.Module):
    """The newest samples, up to ``most``, with their prompts; they travel in checkpoints."""

    def __init__(self, most: int):
        super().__init__()
        self.most = most
        self.x: Tensor | None = None  # [N, *shape]
        self.said: list[Said] = []

    def __len__(self) -> int:
        return len(self.said)

    def add(self, x: Tensor, said: Sequence[Said]) -> None:
        """x: [n, *shape], clean. said: their prompts."""
        x = x.detach().float()
        self.x = (x if self.x is None else torch.cat([self.x, x]))[-self.most :].clone()
        self.said = [*self.said, *said][-self.most :]

    def draw(self, n: int, g: torch.Generator) -> tuple[Tensor, list[Said]]:
        """(x [n, *shape], their prompts). There must be some."""
        assert self.x is not None
        index = randint(len(self), (n,), g)
        return self.x[index], [self.said[i] for i in index.tolist()]

    def get_extra_state(self) -> Json:
        return {"x": self.x, "said": [[one.text, one.given] for one in self.said]}

    def set_extra_state(self, state: Json) -> None:
        self.x, self.said = state["x"], [Said(text, given=given) for text, given in state["said"]]
