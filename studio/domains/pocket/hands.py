"""What a worker does with Pocket World (`studio.core.domain.Hands`): scenes, their pictures and captions, the oracle, hints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Oracle, Readings, Said, Seed, Stated
from studio.core.files import Json
from studio.core.material import Reward
from studio.domains.pocket import captions, hints
from studio.domains.pocket import oracle as reading
from studio.domains.pocket.dataset import CONTINUOUS, to_images
from studio.domains.pocket.render import render_batch
from studio.domains.pocket.scene import FACTORS, LAYOUT, ONE, Scene, sample_scene
from studio.domains.pocket.spoils.drawn import drawn

if TYPE_CHECKING:
    from PIL.Image import Image

PLACED = ("position", "size", "horizon")  # together: "where"
READABLE = 0.8  # overlap that colours alone must find in a scene's own render, for its picture to be counted
NOT_STATED = -1


class PocketHands:
    def items(self, n: int, seed: Seed, stated: Stated | None = None) -> list[Scene]:
        rng = np.random.default_rng(seed)
        return [sample_scene(rng, **(stated or {})) for _ in range(n)]

    def samples(self, items: Sequence[Scene], shape: Sequence[int]) -> Tensor:
        return to_images(render_batch(items, shape[-1]))

    def caption(self, item: Scene, rng: np.random.Generator | None = None, taught: bool = False) -> str:
        if rng is None:
            return captions.full_caption(item)
        return captions.caption(item, rng, free_rate=captions.TRAINING_FREE_RATE if taught else captions.FREE_RATE)

    def given(self, item: Scene) -> Json:
        return {}

    def project(self, x: Tensor, given: Cond) -> Tensor:
        return x

    def state(self, item: Scene) -> Stated:
        return {name: getattr(item, name) for name in FACTORS}

    def line(self, item: Scene, word: str, shows: Stated, rng: np.random.Generator) -> str:
        return captions.line_with(item, word, shows, rng)

    def oracle(self, folder: Path, device: str) -> Oracle:
        return reading.load_oracle(folder, device)

    def amiss(self, items: Sequence[Scene], shape: Sequence[int], seed: Seed) -> Mapping[str, tuple[str, Tensor]]:
        rng, kinds = np.random.default_rng(seed), ("no subject", "two subjects")
        made = {kind: np.stack([drawn(kind, scene, rng, shape[-1]) for scene in items]) for kind in kinds}
        return {kind: (ONE, to_images(pixels)) for kind, pixels in made.items()}

    def hint(self, kind: str, source: Sequence[Scene] | Image, shape: Sequence[int]) -> Tensor:
        if isinstance(source, Sequence):
            return hints.of_scenes(kind, source, shape[-1]).float() / 255
        return hints.of_picture(kind or "layout", source, shape[-1])

    def agreement(self, items: Sequence[Scene], shape: Sequence[int]) -> SceneAgreement:
        return SceneAgreement(items, shape[-1])

    def reward(self, oracle: Oracle, asked: Sequence[Said]) -> Reward:
        assert isinstance(oracle, reading.Oracle), "one of this world reads its pictures"
        stated, network = index_of_stated(asked).to(next(oracle.parameters()).device), oracle
        return lambda images: stated_log_probability(network.seen(images)[1], stated)


class SceneAgreement:
    """What drawn pictures have of what the hints of `scenes` show; size: pixels of a side."""

    def __init__(self, scenes: Sequence[Scene], size: int):
        self.scenes = scenes
        self.masks = hints.of_scenes("layout", scenes, size)[:, 0] > 127
        self.ceiling = hints.same_place(self.masks, hints.subject_mask(to_images(render_batch(scenes, size)), scenes))

    def shares(self, seen: Readings) -> Mapping[str, Tensor]:
        """Agreement by factor that a layout decides, and "where": position, size and horizon at once."""
        truth = {name: torch.tensor([FACTORS[name].index(getattr(scene, name)) for scene in self.scenes]) for name in LAYOUT}
        same = {name: seen.labels[name] == there for name, there in truth.items()}
        return same | {"where": torch.stack([same[name] for name in PLACED]).all(0)}

    def distances(self, seen: Readings) -> Mapping[str, Tensor]:
        """Of x, size and horizon, in fractions of the side."""
        truth = {name: torch.tensor([getattr(scene, field) for scene in self.scenes]) for name, field in CONTINUOUS.items()}
        return {name: (seen.values[name] - there).abs() for name, there in truth.items()}

    def overlap(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Of the subject's silhouette, where it can be told by colour in the scene's own render."""
        readable = self.ceiling >= READABLE
        drawn = hints.same_place(self.masks, hints.subject_mask(samples, self.scenes))
        return drawn[readable], self.ceiling[readable]


def index_of_stated(asked: Sequence[Said]) -> Tensor:
    """int64 [B, factors]: index of the value that each states, `NOT_STATED` where it states none."""
    return torch.tensor(
        [[f.index(said.stated[name]) if name in said.stated else NOT_STATED for name, f in FACTORS.items()] for said in asked]
    )


def stated_log_probability(logits: Mapping[str, Tensor], stated: Tensor) -> Tensor:
    """[B] in (−∞, 0]: mean over the stated factors of the log-probability of what is stated; 0 where nothing is.

    stated: int64 [B, factors], the index of the value that is stated of each, `NOT_STATED` where none is.
    """
    total = torch.zeros(len(stated), device=stated.device)
    for i, name in enumerate(FACTORS):
        wanted = stated[:, i]
        found = logits[name].log_softmax(1).gather(1, wanted.clamp_min(0)[:, None]).squeeze(1)
        total = total + torch.where(wanted == NOT_STATED, torch.zeros_like(found), found)
    return total / (stated != NOT_STATED).sum(1).clamp_min(1)
