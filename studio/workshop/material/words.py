"""Pictures of one thing under prompts that hold its new word, as teaching material for `methods.personalize`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from studio.core.domain import Said
from studio.core.rng import randint
from studio.workshop.material.captions import Device
from studio.workshop.projection import Noise

# neutral prompts of textual inversion's kind, for pictures of a thing of which nobody said what else they show
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
