"""A world's attributes as teaching material for sliders (`studio.core.material.Contrast`)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Attribute, Domain, Item, Oracle, Said
from studio.core.family import OpenModel
from studio.core.rng import randint
from studio.core.weights import load_weights, save_weights
from studio.workshop.material.captions import Lines, Say, encode_items
from studio.workshop.material.phrases import before, placed
from studio.workshop.material.reward import Grader
from studio.workshop.projection import noise_of

N_ITEMS = 384  # each at every level of the attribute
CAPTIONS = 1024


class AttributeContrast:
    """An attribute of a world for an opened model. Nothing is made or encoded before it is asked for.

    folder: where latents are kept. oracle: needed by `features` alone. prompts: which prompts are taught; none draws
    captions of the world that do not speak of the attribute. preserve: words put before every prompt in turn, so that the
    slider is learned behind each of them (attributes to keep apart).
    """

    def __init__(
        self,
        model: OpenModel,
        domain: Domain,
        attribute: Attribute,
        folder: Path,
        *,
        oracle: Oracle | None = None,
        prompts: tuple[str, ...] = (),
        preserve: tuple[str, ...] = (),
        words: tuple[str, str] | None = None,
        seed: int = 0,
        n_items: int = N_ITEMS,
        say: Say | None = None,
    ):
        self.model, self.attribute, self.folder, self.seed, self.n_items = model, attribute, folder, seed, n_items
        self.domain, self.hands = domain, domain.hands()
        self.shape = tuple(model.shape)
        self.noise = noise_of(domain, self.shape)
        self.pair = words or attribute.words
        self.say = say or (lambda done, total: None)
        self.reader = model.line_reader()
        self.grader = Grader(model, domain, oracle) if oracle is not None else None
        lines = [domain.read(line) for line in prompts] or self._captions()
        self.lines = [_with(before(word, line.text), line) for line in lines for word in preserve] if preserve else lines
        self._neutral: Lines = self.reader.read(self.lines)
        self._made: tuple[Tensor, Tensor, Lines] | None = None
        self._ends: tuple[Lines, Lines] | None = None

    def samples(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Cond]:
        latents, levels, lines = self._made = self._made or self._make()
        which = randint(len(latents), (n // 2 + n % 2,), g)  # an item at two levels of opposite sign, next to one another
        at = randint(latents.shape[1] // 2, (len(which),), g)
        rows = torch.stack([which, which], 1).flatten()[:n]
        columns = torch.stack([at, latents.shape[1] - 1 - at], 1).flatten()[:n]
        return latents[rows, columns].float(), levels[columns], lines.take(rows)

    def words(self, n: int, g: torch.Generator) -> tuple[Cond, Cond, Cond]:
        if self.pair is None:
            raise ValueError(f"No words say {self.attribute.title.lower()} in captions; a slider of pairs would fit.")
        if self._ends is None:
            low, high = (self.reader.read([_with(placed(form, line.text), line) for line in self.lines]) for form in self.pair)
            self._ends = low, high
        index = randint(len(self._neutral), (n,), g)
        return self._neutral.take(index), self._ends[0].take(index), self._ends[1].take(index)

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        return self._neutral.take(randint(len(self._neutral), (n,), g))

    def null(self, cond: Cond) -> Cond:
        return self._neutral.null(cond)

    def features(self, x0: Tensor, cond: Cond) -> Tensor:
        if self.grader is None:
            raise ValueError("There is no oracle for these models, so there are no features to find directions in.")
        return self.grader.features(x0, cond)

    # -- making ----------------------------------------------------------------------------------------------------

    def _captions(self) -> list[Said]:
        """Captions of items of the world that say what they are of and nothing of the attribute."""
        rng = np.random.default_rng([self.seed, 1])
        found: list[Said] = []
        while len(found) < CAPTIONS:
            item = self.hands.items(1, rng)[0]
            line = self.hands.caption(item, rng)
            stated = self.domain.read(line).stated
            if self.domain.identity[0] in stated and not set(self.attribute.factors) & set(stated):
                found.append(Said(line, given=self.hands.given(item)))
        return found

    def _items(self) -> list[list[Item]]:
        """[item][level]; those of one row differ in the attribute alone."""
        return [
            [self.attribute.item(np.random.default_rng([self.seed, 2, i]), level) for level in self.attribute.levels]
            for i in range(self.n_items)
        ]

    def _make(self) -> tuple[Tensor, Tensor, Lines]:
        """(latents [N, L, *shape], levels [L], a caption of each that says nothing of the attribute)."""
        rows = self._items()
        path = self.folder / f"pairs-{self.attribute.name}-{self.model.hash}-{self.n_items}-seed{self.seed}.safetensors"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            flat = encode_items(self.model, self.hands, [item for row in rows for item in row], self.say)
            save_weights(path, {"latents": flat.view(len(rows), len(self.attribute.levels), *self.shape)})
        latents = load_weights(path)[0]["latents"].to(self.model.device)
        rng, lines = np.random.default_rng([self.seed, 3]), []
        for row in rows:
            while True:  # true of every level: items of a row share everything but the attribute
                line = self.hands.caption(row[0], rng)
                if not set(self.attribute.factors) & set(self.domain.read(line).stated):
                    break
            lines.append(Said(line, given=self.hands.given(row[0])))
        return latents, torch.tensor(self.attribute.levels, device=latents.device), self.reader.read(lines)


def _with(text: str, said: Said) -> Said:
    """Another text beside which the same stands."""
    return replace(said, text=text)
