"""Pictures of one thing under prompts that hold its new word, as teaching material for `methods.words.textual_inversion`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from studio.core.rng import randint
from studio.core.weights import load_weights, save_weights
from studio.domains.pocket.captions import COLOR_WORDS, PLACE_PHRASES, SUBJECT_WORDS, TIME_PHRASES
from studio.domains.pocket.scene import Scene, sample_scene
from studio.workshop.material.captions import CAPTIONS_A_SCENE, Say, encode_scenes

# neutral prompts of textual inversion's kind, for pictures of which nobody said what else they show
LINES = ("a {}", "a picture of a {}", "a photo of a {}", "a close photo of a {}", "a good photo of a {}", "one {}")
SAID = 0.5  # share of prompts that state a factor which is not taught


class Pictured:
    """latents: gives [N, *shape] on first need. prompts: K of each picture, or of all of them (one list)."""

    def __init__(self, latents: Callable[[], Tensor], prompts: Sequence[Sequence[str]], device: Any = "cpu"):
        self._latents, self.prompts, self.device = latents, prompts, device
        self._made: Tensor | None = None

    def pictures(self, n: int, g: torch.Generator) -> tuple[Tensor, list[str]]:
        x0 = self._made = self._latents().to(self.device) if self._made is None else self._made
        index, which = randint(len(x0), (n,), g), randint(len(self.prompts[0]), (n,), g)
        lines = [self.prompts[i % len(self.prompts)][k] for i, k in zip(index.tolist(), which.tolist(), strict=True)]
        return x0[index].float(), lines


def of_scenes(
    model: Any, folder: Path, shows: Mapping[str, str], word: str, *, seed: int = 0, n_scenes: int = 256, say: Say | None = None
) -> Pictured:
    """Random scenes that all show `shows` (factor -> value); prompts say what else is in them, and the word for the rest.

    folder: where their latents are kept.
    """
    drawn = [sample_scene(np.random.default_rng([seed, i]), **shows) for i in range(n_scenes)]
    rng = np.random.default_rng([seed, n_scenes])
    prompts = [[line_of(scene, shows, word, rng) for _ in range(CAPTIONS_A_SCENE)] for scene in drawn]

    def latents() -> Tensor:
        digest = hashlib.sha256(json.dumps([sorted(shows.items()), seed, n_scenes]).encode()).hexdigest()[:12]
        path = folder / f"word-{digest}.safetensors"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            save_weights(path, {"latents": encode_scenes(model, drawn, say or (lambda done, total: None))})
        return load_weights(path)[0]["latents"]

    return Pictured(latents, prompts, model.device)


def line_of(scene: Scene, shows: Mapping[str, str], word: str, rng: np.random.Generator) -> str:
    """A prompt that is true of a scene: the word stands for what is taught, and known words state some of the rest."""
    said = dict(zip(("color", "place", "time"), rng.random(3) < SAID, strict=True))
    head = [COLOR_WORDS[scene.color][0]] if said["color"] and "color" not in shows else []
    head += [word] if "subject" in shows else [word, SUBJECT_WORDS[scene.subject][0]]
    tail = [PLACE_PHRASES[scene.place][0]] if said["place"] and "place" not in shows else []
    tail += [TIME_PHRASES[scene.time][0]] if said["time"] and "time" not in shows else []
    return article(" ".join([*head, *tail]))


def article(text: str) -> str:
    return f"{'an' if text[:1] in 'aeiou' else 'a'} {text}"
