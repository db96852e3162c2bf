"""A world of numbers: two Gaussian blobs in the plane, one a condition, and a network small enough for milliseconds."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond, Denoiser
from studio.core.material import ConditionalNetwork, Reward
from studio.core.process import VP
from studio.core.rng import rand, randn

PROCESS = VP.scaled_linear(0.00085, 0.012)


class TinyNetwork(ConditionalNetwork):
    """(x [B, 2], t [B], cond {"c": [B, 1]}) -> [B, 2]"""

    def __init__(self, seed: int = 0, width: int = 24):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = nn.Sequential(nn.Linear(4, width), nn.SiLU(), nn.Linear(width, 24), nn.SiLU(), nn.Linear(24, 2))

        self.w = nn.Linear(1, width, bias=False)
        nn.init.zeros_(self.w.weight)

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        h = self.net[0](torch.cat([x, (t / 1000)[:, None].to(x.dtype), cond["c"]], 1))
        return self.net[1:](h + self.w(cond["w"][:, None]) if "w" in cond else h)

    def features(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        return self.net[:4](torch.cat([x, (t / 1000)[:, None].to(x.dtype), cond["c"]], 1))

    def with_guidance_input(self) -> TinyNetwork:
        return copy.deepcopy(self)


class Sides:
    """The left blob is to be forgotten, and becomes the right one."""

    def conditions(self, n: int, share: float, g: torch.Generator) -> tuple[Cond, Cond]:
        right = torch.ones(n, 1)
        return {"c": torch.where(rand((n, 1), g) < share, -right, right)}, {"c": right}


class Blobs:
    """Condition ±1 moves the blob to ±2; ``data`` may be forbidden, for methods that promise not to use it."""

    shape = (2,)

    def __init__(self, data_allowed: bool = True):
        self.data_allowed = data_allowed

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        return {"c": torch.randint(2, (n, 1), generator=g).float() * 2 - 1}

    def data(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond]:
        assert self.data_allowed, "this method promised to draw no data"
        cond = self.conditions(n, g)
        return 2 * cond["c"] + 0.3 * torch.randn(n, 2, generator=g), cond

    def null(self, cond: Cond) -> Cond:
        return {"c": torch.zeros_like(cond["c"])}

    def noise(self, cond: Cond, g: torch.Generator) -> Tensor:
        return randn((len(cond["c"]), *self.shape), g)

    def replacing(self, forget: str, becomes: str, keep: str) -> Sides:
        if forget != "left":
            raise ValueError(f"Nothing here is called {forget!r}; left would fit.")
        return Sides()

    def graded(self, n: int, g: torch.Generator) -> tuple[Cond, Reward]:
        """The nearer to the middle of its blob, the better."""
        cond = self.conditions(n, g)
        return cond, lambda x: -((x - 2 * cond["c"]) ** 2).mean(1)


def teacher() -> Denoiser:
    return Denoiser(TinyNetwork(), PROCESS, "v")
