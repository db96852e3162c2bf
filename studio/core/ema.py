"""Exponential moving average of one network's weights, counted in that network's own updates."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class EMA:
    """Karras-free, plain EMA: w_ema ← d w_ema + (1 − d) w, with d = min(decay, (1 + n) / (10 + n)) as warm-up.

    ``n`` counts calls of `update`, i.e. updates of this network alone; a critic's updates never age the student. The
    parameters of both networks are looked up once: finding them takes as long as averaging them.
    """

    def __init__(self, module: nn.Module, decay: float):
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"EMA decay {decay} does not fit; it lies in [0, 1)")
        self.decay, self.updates = decay, 0
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self._ours: list[Tensor] = list(self.module.parameters())
        self._theirs: list[Tensor] = list(module.parameters())
        self._buffers = list(zip(self.module.buffers(), module.buffers(), strict=True))

    @torch.no_grad()
    def update(self) -> None:
        """The network was stepped."""
        self.updates += 1
        d = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self._ours, self._theirs, 1.0 - d)
        for mine, other in self._buffers:
            mine.copy_(other)

    def state_dict(self) -> dict:
        return {"updates": self.updates, "module": self.module.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.updates = state["updates"]
        self.module.load_state_dict(state["module"])
