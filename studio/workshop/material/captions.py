"""Items of a world with their captions, as teaching material.

What comes in is an opened model and the domain of what it draws. Objectives see a `studio.core.material.Material` and nothing of
this; how captions are read and samples become latents is the model's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Domain, Hands, Item, Oracle, Said
from studio.core.family import Lines as Lines
from studio.core.family import OpenModel
from studio.core.material import Reward
from studio.core.precision import full_precision
from studio.core.rng import randint
from studio.core.weights import load_weights, save_weights
from studio.workshop.material.replaced import ReplacedCaptions
from studio.workshop.material.reward import Grader
from studio.workshop.projection import Noise, noise_of

Device = torch.device | str
Say = Callable[[int, int], None]  # (done, total), called while something long is prepared
CAPTIONS_EACH = 4  # of every item


class CaptionMaterial:
    """Samples with captions; conditions alone never touch a sample.

    lines: of all samples, `each` of one after another. latents: gives [N, *shape], called on first use.
    """

    def __init__(
        self,
        lines: Lines,
        each: int,
        latents: Callable[[], Tensor],
        shape: tuple[int, ...],
        noise: Noise,
        device: Device = "cpu",
    ):
        self.lines, self.each, self.shape, self.noise, self.device = lines, each, shape, noise, device
        self._latents = latents
        self._made: Tensor | None = None

    def data(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond]:
        if self._made is None:
            self._made = self._latents().to(self.device)
        index = randint(len(self.lines) // self.each, (n,), g)
        return self._made[index].float(), self.lines.take(index * self.each + randint(self.each, (n,), g))

    def captions(self, n: int, g: torch.Generator) -> Tensor:
        """Numbers of lines, int64 [n]."""
        return randint(len(self.lines) // self.each, (n,), g) * self.each + randint(self.each, (n,), g)

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        return self.lines.take(self.captions(n, g))

    def null(self, cond: Cond) -> Cond:
        return self.lines.null(cond)


class WorldCaptions(CaptionMaterial):
    """Captions of a world that can be read, and so written with another concept (`studio.core.material.Replacing`)."""

    def __init__(
        self,
        model: OpenModel,
        domain: Domain,
        lines: Lines,
        each: int,
        latents: Callable[[], Tensor],
        shape: tuple[int, ...],
        noise: Noise,
        device: Device = "cpu",
    ):
        super().__init__(lines, each, latents, shape, noise, device)
        self.model, self.domain = model, domain

    def replacing(self, forget: str, becomes: str, keep: str) -> ReplacedCaptions:
        return ReplacedCaptions(self.model.line_reader(), self.domain, self.lines, forget, becomes, keep)


class GradedCaptions(WorldCaptions):
    """Captions whose samples are graded by what the captions state (`studio.core.material.Graded`)."""

    def __init__(
        self,
        grader: Grader,
        lines: Lines,
        each: int,
        latents: Callable[[], Tensor],
        shape: tuple[int, ...],
        noise: Noise,
        device: Device = "cpu",
    ):
        super().__init__(grader.model, grader.domain, lines, each, latents, shape, noise, device)
        self.grader = grader

    def graded(self, n: int, g: torch.Generator) -> tuple[Cond, Reward]:
        index = self.captions(n, g)
        cond = self.lines.take(index)
        return cond, self.grader.reward(self.said(index), cond)

    def said(self, index: Tensor) -> list[Said]:
        return [self.lines.said[i] for i in index.tolist()]


def world_material(
    model: OpenModel,
    domain: Domain,
    folder: Path,
    *,
    seed: int = 0,
    n_items: int = 4000,
    say: Say | None = None,
    oracle: Oracle | None = None,
) -> WorldCaptions:
    """Material from ``n_items`` random items for an opened model; their latents are made on first need, kept in ``folder``.

    Captions state free factors as often as in the teacher's own training. oracle: reads samples, so that the material
    can grade them; without one it cannot.
    """
    hands = domain.hands()
    items = hands.items(n_items, seed)
    lines = model.line_reader().read(taught_captions(hands, items, CAPTIONS_EACH, seed + 1))

    def latents() -> Tensor:
        path = folder / f"latents-{model.hash}-{n_items}-seed{seed}.safetensors"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            save_weights(path, {"latents": encode_items(model, hands, items, say or (lambda done, total: None))})
        return load_weights(path)[0]["latents"]

    captions = (lines, CAPTIONS_EACH, latents, tuple(model.shape), noise_of(domain, model.shape), model.device)
    return WorldCaptions(model, domain, *captions) if oracle is None else GradedCaptions(Grader(model, domain, oracle), *captions)


@full_precision()
def encode_items(model: OpenModel, hands: Hands, items: Sequence[Item], say: Say, batch: int = 50) -> Tensor:
    """Latents [N, *shape] in half precision, scaled as the denoiser sees them."""
    parts = []
    for i in range(0, len(items), batch):
        parts.append(model.to_latents(hands.samples(items[i : i + batch], model.sample_shape)).half().cpu())
        say(min(i + batch, len(items)), len(items))
    return torch.cat(parts).contiguous()


def taught_captions(hands: Hands, items: Sequence[Item], each: int, seed: int) -> list[Said]:
    """`each` random partial captions of every item, as teachers are taught, with what stands beside them."""
    rng = np.random.default_rng(seed)
    return [Said(hands.caption(item, rng, taught=True), given=hands.given(item)) for item in items for _ in range(each)]
