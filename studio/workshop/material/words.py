"""Pictures of one thing under prompts that hold its new word, as teaching material for `methods.personalize`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from studio.core.domain import Domain, Said, Stated
from studio.core.family import OpenModel
from studio.core.rng import randint
from studio.core.weights import load_weights, save_weights
from studio.workshop.material.captions import CAPTIONS_EACH, Device, Say, encode_items
from studio.workshop.projection import Noise, noise_of

# neutral prompts of textual inversion's kind, for pictures of which nobody said what else they show
LINES = ("a {}", "a picture of a {}", "a photo of a {}", "a close photo of a {}", "a good photo of a {}", "one {}")


class Pictured:
    """latents: gives [N, *shape] on first need. prompts: K of each picture, or of all of them (one list). noise: of the domain
    and the model (`projection.noise_of`). inside: gives the share of every place of the latents that shows the thing, on first
    need, None where nobody marked it."""

    def __init__(
        self,
        latents: Callable[[], Tensor],
        prompts: Sequence[Sequence[Said]],
        noise: Noise,
        device: Device = "cpu",
        inside: Callable[[], Tensor | None] = lambda: None,
    ):
        self._latents, self.prompts, self.noise, self.device, self._marked = latents, prompts, noise, device, inside
        self._made: Tensor | None = None
        self._inside: Tensor | None = None

    def pictures(self, n: int, g: torch.Generator) -> tuple[Tensor, list[Said], Tensor | None]:
        if self._made is None:
            self._made, marked = self._latents().to(self.device), self._marked()
            self._inside = None if marked is None else marked.to(self.device)
        x0 = self._made
        index, which = randint(len(x0), (n,), g), randint(len(self.prompts[0]), (n,), g)
        lines = [self.prompts[i % len(self.prompts)][k] for i, k in zip(index.tolist(), which.tolist(), strict=True)]
        return x0[index].float(), lines, None if self._inside is None else self._inside[index]


def of_items(
    model: OpenModel,
    domain: Domain,
    folder: Path,
    shows: Stated,
    word: str,
    *,
    seed: int = 0,
    n_items: int = 256,
    say: Say | None = None,
) -> Pictured:
    """Random items that all show `shows` (factor -> value); prompts say what else is in them, and the word for the rest.

    folder: where their latents are kept.
    """
    hands = domain.hands()
    items = [hands.items(1, [seed, i], shows)[0] for i in range(n_items)]
    rng = np.random.default_rng([seed, n_items])
    prompts = [
        [Said(hands.line(item, word, shows, rng), given=hands.given(item)) for _ in range(CAPTIONS_EACH)] for item in items
    ]

    def latents() -> Tensor:
        digest = hashlib.sha256(json.dumps([sorted(shows.items()), seed, n_items]).encode()).hexdigest()[:12]
        path = folder / f"word-{digest}.safetensors"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            save_weights(path, {"latents": encode_items(model, hands, items, say or (lambda done, total: None))})
        return load_weights(path)[0]["latents"]

    return Pictured(latents, prompts, noise_of(domain, model.shape), model.device)


def article(text: str) -> str:
    return f"{'an' if text[:1] in 'aeiou' else 'a'} {text}"
