"""Scenes as teaching material: latents and caption conditions behind `studio.core.material.Material`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond
from studio.core.rng import randint
from studio.methods.pretrain.denoising import CaptionedLatents


class CaptionMaterial:
    """Captions become text states with a frozen text encoder; conditions alone never touch a latent."""

    def __init__(self, data: CaptionedLatents, text: nn.Module):
        self.source, self.text = data, text.eval().requires_grad_(False)
        self.shape = tuple(data.latents.shape[1:])
        self.empty = self.states(data.empty[None])["states"]

    @torch.no_grad()
    def states(self, tokens: Tensor) -> Cond:
        return {"states": self.text(tokens)[0].float()}

    def data(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond]:
        x0, tokens = self.source.draw(n, 0.0, g)
        return x0, self.states(tokens)

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        tokens = self.source.tokens
        return self.states(tokens[randint(len(tokens), (n,), g), randint(tokens.shape[1], (n,), g)])

    def null(self, cond: Cond) -> Cond:
        return {"states": self.empty.expand(len(cond["states"]), -1, -1)}
