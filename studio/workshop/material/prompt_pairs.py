"""What a slider is taught on where no world of scenes is known: prompts that a person wrote, and pairs that they made.

After the recipes of Concept Sliders (Gandikota et al. 2023, arXiv 2311.12092): neutral, negative and positive prompts for
text sliders (equation 7), the same sample with less and with more of it for visual ones (section 4.2). Prompts are read once,
by the model's own encoders, so that every condition of its sampling is there: states, and SDXL's pooled states and time ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Domain, as_written, beside
from studio.core.family import OpenModel
from studio.core.precision import full_precision
from studio.core.rng import randint
from studio.workshop.material.phrases import before, placed
from studio.workshop.projection import noise_of

LINES = ("a person", "a woman", "a man", "a child", "a house", "a street", "a forest", "a dog", "a car", "a cup")
AT_ONCE = 32  # prompts that are read together
Samples = tuple[Tensor, Tensor]  # (x0 [N, L, *shape], levels [L] in [−1, 1])


class WordedContrast:
    """An attribute between two ends in words, or in samples, for an opened model (`studio.core.material.Contrast`).

    words: what is said at the low and the high end, "{}" standing for the rest of a prompt. prompts: what is taught behind;
    none is `LINES`. preserve: words put before every prompt in turn. samples: gives N things at L levels each, called on first
    need. features: [n, D] of clean samples under their conditions, with gradient.
    """

    def __init__(
        self,
        model: OpenModel,
        domain: Domain,
        *,
        words: tuple[str, str] | None = None,
        prompts: Sequence[str] = (),
        preserve: Sequence[str] = (),
        samples: Callable[[], Samples] | None = None,
        features: Callable[[Tensor, Cond], Tensor] | None = None,
    ):
        self.model, self.domain, self.pair, self.shape = model, domain, words, tuple(model.shape)
        self.noise = noise_of(domain, self.shape)
        lines = list(prompts) or list(LINES)
        self.lines = [before(word, line) for line in lines for word in preserve] if preserve else lines
        self.neutral = self._read(self.lines)
        with _bare(model):
            self.empty = {name: part.float() for name, part in model.null(_rows(self.neutral, torch.tensor([0]))).items()}
        self.beside = tuple(beside(as_written(domain, [""])))
        self._samples, self._features = samples, features
        self._made: Samples | None = None
        self._ends: tuple[Cond, Cond] | None = None

    def samples(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Cond]:
        """A thing at two different levels, next to one another, under one prompt."""
        if self._samples is None:
            raise ValueError("No pairs were given; a folder of pairs would fit, or words of both ends for a text slider.")
        x0, levels = self._made = self._made or self._on_device(self._samples())
        half = (n // 2 + n % 2,)
        which, line = randint(len(x0), half, g), randint(len(self.lines), half, g)
        one = randint(len(levels), half, g)
        other = (one + 1 + randint(len(levels) - 1, half, g)) % len(levels)
        rows, columns = torch.stack([which, which], 1).flatten()[:n], torch.stack([one, other], 1).flatten()[:n]
        return x0[rows, columns].float(), levels[columns], _rows(self.neutral, torch.stack([line, line], 1).flatten()[:n])

    def words(self, n: int, g: torch.Generator) -> tuple[Cond, Cond, Cond]:
        if self.pair is None:
            raise ValueError("No words of its two ends were given; words like young and old would fit.")
        if self._ends is None:
            low, high = (self._read([placed(form, line) for line in self.lines]) for form in self.pair)
            self._ends = low, high
        index = randint(len(self.lines), (n,), g)
        return _rows(self.neutral, index), _rows(self._ends[0], index), _rows(self._ends[1], index)

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        return _rows(self.neutral, randint(len(self.lines), (n,), g))

    def null(self, cond: Cond) -> Cond:
        n = len(next(iter(cond.values())))
        kept = {name: cond[name] for name in self.beside}
        return {**{name: part.expand(n, *part.shape[1:]) for name, part in self.empty.items()}, **kept}

    def features(self, x0: Tensor, cond: Cond) -> Tensor:
        if self._features is None:
            raise ValueError("Nothing here sees what these samples show, so there are no features to find directions in.")
        return self._features(x0, cond)

    # -- making ----------------------------------------------------------------------------------------------------

    def _read(self, lines: Sequence[str]) -> Cond:
        """Conditions of all lines, float32."""
        said = as_written(self.domain, lines)
        with _bare(self.model):
            parts = [self.model.encode(said[i : i + AT_ONCE]) for i in range(0, len(said), AT_ONCE)]
        return {name: torch.cat([part[name].float() for part in parts]) for name in parts[0]}

    def _on_device(self, made: Samples) -> Samples:
        x0, levels = made
        if x0.shape[2:] != self.shape or len(x0) < 1 or len(levels) != x0.shape[1] or len(levels) < 2:
            raise ValueError(f"Samples {tuple(x0.shape)} at {len(levels)} levels do not fit; [N, levels, {self.shape}] would.")
        return x0.to(self.model.device), levels.to(self.model.device)


@full_precision()
def encoded(model: OpenModel, batches: Iterable[Tensor]) -> Tensor:
    """Latents [N, *shape] in half precision of batches of decoded samples."""
    return torch.cat([model.to_latents(batch).half().cpu() for batch in batches]).contiguous()


def _rows(table: Cond, index: Tensor) -> Cond:
    return {name: part[index] for name, part in table.items()}


def _bare(model: OpenModel) -> AbstractContextManager[None]:
    """Without adapters that an earlier run left on."""
    return model.using(()) if hasattr(model, "using") else nullcontext()
