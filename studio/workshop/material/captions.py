"""Items of a world with their captions, as teaching material of Stable-Diffusion-shaped models.

What comes in is an opened model (`studio.families.Model`: parts, denoiser, hash) and the domain of what it draws. Objectives see
a `studio.core.material.Material` and nothing of this.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond
from studio.core.domain import Domain, Hands, Item
from studio.core.material import Reward
from studio.core.rng import randint
from studio.core.weights import load_weights, save_weights
from studio.families.stable.folders import tokenize
from studio.workshop.material.reward import Grader

Say = Callable[[int, int], None]  # (done, total), called while something long is prepared
CAPTIONS_EACH = 4


class CaptionMaterial:
    """Captions become text states with a frozen text encoder; conditions alone never touch a latent.

    tokens: int64 [N, K, L], K captions of every item. empty: [L]. latents: gives [N, *shape], called on first use.
    """

    def __init__(self, tokens: Tensor, empty: Tensor, text: nn.Module, latents: Callable[[], Tensor], shape: tuple[int, ...]):
        self.tokens, self.shape, self.text = tokens, shape, text.eval().requires_grad_(False)
        self._latents = latents
        self._made: Tensor | None = None
        self.empty = self.states(empty[None])["states"]

    @torch.no_grad()
    def states(self, tokens: Tensor) -> Cond:
        return {"states": self.text(tokens)[0].float()}

    def data(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond]:
        if self._made is None:
            self._made = self._latents().to(self.tokens.device)
        index = randint(len(self.tokens), (n,), g)
        return self._made[index].float(), self.states(self.tokens[index, randint(self.tokens.shape[1], (n,), g)])

    def captions(self, n: int, g: torch.Generator) -> Tensor:
        """Tokens [n, L]."""
        return self.tokens[randint(len(self.tokens), (n,), g), randint(self.tokens.shape[1], (n,), g)]

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        return self.states(self.captions(n, g))

    def null(self, cond: Cond) -> Cond:
        return {"states": self.empty.expand(len(cond["states"]), -1, -1)}


class GradedCaptions(CaptionMaterial):
    """Captions whose samples are graded by what the captions state (`studio.core.material.Graded`)."""

    def __init__(self, grader: Grader, *captions: Any):
        super().__init__(*captions)
        self.grader = grader

    def graded(self, n: int, g: torch.Generator) -> tuple[Cond, Reward]:
        tokens = self.captions(n, g)
        return self.states(tokens), self.grader.reward(tokens)


def world_material(
    model: Any, domain: Domain, folder: Path, *, seed: int = 0, n_items: int = 4000, say: Say | None = None, oracle: Any = None
) -> CaptionMaterial:
    """Material from ``n_items`` random items for an opened model; their latents are made on first need, kept in ``folder``.

    Captions state free factors as often as in the teacher's own training. oracle: reads samples, so that the material
    can grade them; without one it cannot.
    """
    tokenizer, hands, device = model.parts.tokenizers[0], domain.hands(), model.device
    items = hands.items(n_items, seed)
    tokens = caption_table(hands, items, tokenizer, CAPTIONS_EACH, seed=seed + 1).to(device)
    empty = tokenize(tokenizer, [""])[0].to(device)

    def latents() -> Tensor:
        path = folder / f"latents-{model.hash}-{n_items}-seed{seed}.safetensors"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            save_weights(path, {"latents": encode_items(model, hands, items, say or (lambda done, total: None))})
        return load_weights(path)[0]["latents"]

    text = copy.deepcopy(model.parts.encoders[0]).float()
    captions = (tokens, empty, text, latents, tuple(model.latent_shape))
    return CaptionMaterial(*captions) if oracle is None else GradedCaptions(Grader(model, domain, oracle), *captions)


@torch.inference_mode()
def encode_items(model: Any, hands: Hands, items: Sequence[Item], say: Say, batch: int = 50) -> Tensor:
    """Latents [N, C, h, w] in half precision, scaled as the denoiser sees them."""
    vae, parts = model.parts.vae, []
    like = next(vae.parameters())
    for i in range(0, len(items), batch):
        images = hands.samples(items[i : i + batch], model.sample_shape).to(like) * 2 - 1
        out = vae.encode(images)
        z = out.latents if hasattr(out, "latents") else out.latent_dist.mean
        parts.append((z.float() * vae.config.scaling_factor).half().cpu())
        say(min(i + batch, len(items)), len(items))
    return torch.cat(parts).contiguous()


def caption_table(hands: Hands, items: Sequence[Item], tokenizer: Any, variants: int, seed: int) -> Tensor:
    """int64 [N, variants, L]: ``variants`` random partial captions of every item, as teachers are taught, tokenised."""
    rng = np.random.default_rng(seed)
    return tokens_of([hands.caption(item, rng, taught=True) for item in items for _ in range(variants)], tokenizer, variants)


def tokens_of(lines: Sequence[str], tokenizer: Any, variants: int) -> Tensor:
    """int64 [N, variants, L] of N × variants lines."""
    unique = sorted(set(lines))
    table = dict(zip(unique, tokenize(tokenizer, unique), strict=True))
    return torch.stack([table[line] for line in lines]).view(-1, variants, len(next(iter(table.values()))))
