"""Teaching material and finished students of Stable-Diffusion-shaped models of Pocket World.

What comes in is an opened model (`studio.families.Model`: parts, denoiser, hash); what goes out is a diffusers folder with
a recipe. Objectives see a `studio.core.material.Material` and nothing of this.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond
from studio.core.material import Reward
from studio.core.rng import randint
from studio.core.weights import load_weights, save_weights
from studio.domains.pocket.pretrain.denoising import TRAINING_FREE_RATE
from studio.families.stable.folders import tokenize
from studio.workshop.material.reward import Grader

Say = Callable[[int, int], None]  # (done, total), called while something long is prepared
CAPTIONS_A_SCENE = 4


class CaptionMaterial:
    """Captions become text states with a frozen text encoder; conditions alone never touch a latent.

    tokens: int64 [N, K, L], K captions of every scene. empty: [L]. latents: gives [N, *shape], called on first use.
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


def scene_material(
    model: Any, folder: Path, *, seed: int = 0, n_scenes: int = 4000, say: Say | None = None, oracle: Any = None
) -> CaptionMaterial:
    """Material from ``n_scenes`` random scenes for an opened model; their latents are made on first need, kept in ``folder``.

    Captions state free factors as often as in the teacher's own training. oracle: reads pictures, so that the material
    can grade samples; without one it cannot.
    """
    from studio.domains.pocket.dataset import scenes

    tokenizer, drawn = model.parts.tokenizers[0], scenes(n_scenes, seed)
    device = model.device
    tokens = caption_table(drawn, tokenizer, CAPTIONS_A_SCENE, seed=seed + 1).to(device)
    empty = tokenize(tokenizer, [""])[0].to(device)

    def latents() -> Tensor:
        path = folder / f"latents-{model.hash}-{n_scenes}-seed{seed}.safetensors"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            save_weights(path, {"latents": encode_scenes(model, drawn, say or (lambda done, total: None))})
        return load_weights(path)[0]["latents"]

    text = copy.deepcopy(model.parts.encoders[0]).float()
    captions = (tokens, empty, text, latents, tuple(model.latent_shape))
    return CaptionMaterial(*captions) if oracle is None else GradedCaptions(Grader(model, oracle), *captions)


@torch.inference_mode()
def encode_scenes(model: Any, drawn: list, say: Say, batch: int = 50) -> Tensor:
    """Latents [N, C, h, w] in half precision, scaled as the denoiser sees them."""
    from studio.domains.pocket.dataset import to_images
    from studio.domains.pocket.render import render_batch

    vae, parts = model.parts.vae, []
    like = next(vae.parameters())
    for i in range(0, len(drawn), batch):
        images = to_images(np.asarray(render_batch(drawn[i : i + batch], model.image_size))).to(like) * 2 - 1
        out = vae.encode(images)
        z = out.latents if hasattr(out, "latents") else out.latent_dist.mean
        parts.append((z.float() * vae.config.scaling_factor).half().cpu())
        say(min(i + batch, len(drawn)), len(drawn))
    return torch.cat(parts).contiguous()


def caption_table(scenes: list, tokenizer, variants: int, seed: int, free_rate: float = TRAINING_FREE_RATE) -> Tensor:
    """int64 [N, variants, L]: ``variants`` random partial captions of every scene, tokenised."""
    from studio.domains.pocket.captions import caption
    from studio.families.stable.folders import tokenize

    rng = np.random.default_rng(seed)
    lines = [caption(s, rng, free_rate=free_rate) for s in scenes for _ in range(variants)]
    unique = sorted(set(lines))
    table = dict(zip(unique, tokenize(tokenizer, unique), strict=True))
    return torch.stack([table[line] for line in lines]).view(len(scenes), variants, -1)
