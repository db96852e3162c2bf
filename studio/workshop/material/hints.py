"""Items of a world with captions and hints, as teaching material for a ControlNet (`methods.controlnets.controlnet`)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Domain
from studio.core.family import OpenModel
from studio.core.rng import randint
from studio.core.weights import load_weights, save_weights
from studio.workshop.material.captions import CAPTIONS_EACH, Lines, Say, encode_items, taught_captions
from studio.workshop.projection import noise_of

AT_ONCE = 50  # items whose hints are drawn between two words of progress


class HintedItems:
    """``n_items`` random items for an opened model; nothing is made or encoded before it is asked for.

    hint: one of the domain's. folder: where latents and hints are kept.
    """

    def __init__(
        self,
        model: OpenModel,
        domain: Domain,
        hint: str,
        folder: Path,
        *,
        seed: int = 0,
        n_items: int = 2000,
        say: Say | None = None,
    ):
        self.model, self.hands, self.hint, self.folder, self.seed = model, domain.hands(), hint, folder, seed
        self.n_items = n_items
        self.shape = tuple(model.shape)
        self.halvings = (model.sample_shape[-1] // self.shape[-1]).bit_length() - 1
        self.say = say or (lambda done, total: None)
        self.reader = model.line_reader()
        self.noise = noise_of(domain, self.shape)
        self._made: tuple[Tensor, Tensor, Lines] | None = None

    def hinted(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond, Tensor]:
        latents, hints, lines = self._made = self._made or self._make()
        index = randint(len(latents), (n,), g)
        cond = lines.take(index * CAPTIONS_EACH + randint(CAPTIONS_EACH, (n,), g))
        return latents[index].float(), cond, hints[index].float() / 255

    def null(self, cond: Cond) -> Cond:
        latents, hints, lines = self._made = self._made or self._make()
        return lines.null(cond)

    def _make(self) -> tuple[Tensor, Tensor, Lines]:
        """(latents [N, *shape], hints uint8 [N, *decoded shape], captions)."""
        items = self.hands.items(self.n_items, self.seed)
        lines = self.reader.read(taught_captions(self.hands, items, CAPTIONS_EACH, self.seed + 1))
        path = self.folder / f"hinted-{self.hint}-{self.model.hash}-{self.n_items}-seed{self.seed}.safetensors"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            total = 2 * len(items)
            latents = encode_items(self.model, self.hands, items, lambda done, _: self.say(done, total))
            parts = []
            for i in range(0, len(items), AT_ONCE):
                shown = self.hands.hint(self.hint, items[i : i + AT_ONCE], self.model.sample_shape)
                parts.append((shown * 255).round().to(torch.uint8))
                self.say(len(items) + min(i + AT_ONCE, len(items)), total)
            save_weights(path, {"latents": latents, "hints": torch.cat(parts)})
        kept = load_weights(path)[0]
        device = self.model.device
        return kept["latents"].to(device), kept["hints"].to(device), lines
