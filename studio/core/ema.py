"""Exponential moving average of one network's weights, counted in that network's own updates."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class EMA:
    """Karras-free, plain EMA: w_ema ← d w_ema + (1 − d) w, with d = min(decay, (1 + n) / (10 + n)) as warm-up.

    ``n`` counts calls of `update`, i.e. updates of this network alone; a critic's updates never age the student.
    """

    def __init__(self, module: nn.Module, decay: float):
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"EMA decay {decay} does not fit; it lies in [0, 1)")
        self.decay, self.updates = decay, 0
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        self.updates += 1
        d = min(self.decay, (1 + self.updates) / (10 + self.updates))
        ours: list[Tensor] = [p.detach() for p in self.module.parameters()]
        torch._foreach_lerp_(ours, [p.detach() for p in module.parameters()], 1.0 - d)
        for mine, other in zip(self.module.buffers(), module.buffers(), strict=True):
            mine.copy_(other)

    def state_dict(self) -> dict:
        return {"updates": self.updates, "module": self.module.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.updates = state["updates"]
        self.module.load_state_dict(state["module"])
