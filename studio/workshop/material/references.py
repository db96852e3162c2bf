"""Items of a world that share one attribute, as teaching material for an adapter of references.

A target has a caption that does not state the attributes that are wanted, and for each of them another item with the target's
value of it. All else of that item is as the world draws it: it agrees with the target as often as chance has it, so that nothing
but the attribute says anything of the target. An item that must differ in all else would say what the target is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Domain, Item, Said
from studio.core.family import OpenModel
from studio.core.references import NONE
from studio.core.rng import rand, randint
from studio.core.weights import load_weights, save_weights
from studio.workshop.material.captions import Say, encode_items
from studio.workshop.projection import noise_of

TRIES = 30  # of a caption that does not state an attribute
MORE = (0.4, 0.35)  # share of samples with a second reference, and of these with a third


class SharedAttributes:
    """`methods.references.attributes.ReferenceData` of ``n_items`` random items for an opened model.

    attributes: names of the domain's factors. folder: where latents are kept. Nothing is made before it is asked for.
    """

    def __init__(
        self,
        model: OpenModel,
        domain: Domain,
        attributes: Sequence[str],
        folder: Path,
        *,
        seed: int = 0,
        n_items: int = 2000,
        say: Say | None = None,
    ):
        self.model, self.domain, self.hands, self.folder = model, domain, domain.hands(), folder
        self.attributes, self.seed, self.n_items = tuple(attributes), seed, n_items
        self.shape = tuple(model.shape)
        self.values = tuple(len(domain.factors[name].values) for name in attributes)
        self.say = say or (lambda done, total: None)
        self.noise = noise_of(domain, self.shape)
        self._made: _Made | None = None

    @property
    def made(self) -> _Made:
        self._made = self._made or self._make()
        return self._made

    def referred(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond, Tensor, Tensor, Tensor]:
        made, m = self.made, len(self.attributes)
        which = randint(len(made.latents), (n,), g)
        first = randint(m, (n,), g)
        rows = which * m + first
        free = ~made.stated[rows]  # [n, m]
        turn = rand((n, m), g).masked_fill(~free, -1.0)
        turn.scatter_(1, first[:, None], 2.0)
        order = turn.argsort(1, descending=True)[:, : 1 + len(MORE)]
        more = rand((n, len(MORE)), g) < torch.tensor(MORE, device=g.device)
        on = torch.cat([torch.ones(n, 1, dtype=torch.bool, device=g.device), more.cumprod(1).bool()], 1)[:, : order.shape[1]]
        on &= free.gather(1, order) | (order == first[:, None])
        others = self._others(which, order, rand(tuple(order.shape), g))
        asked = order.masked_fill(~on, NONE)
        values = made.values[which[:, None], order]
        return made.latents[which].float(), made.lines.take(rows), made.latents[others].float(), asked, values

    def labelled(self, n: int, g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        made, m = self.made, len(self.attributes)
        which = randint(len(made.latents), (n,), g)
        asked = rand((n, m), g).argsort(1)[:, : 1 + len(MORE)]
        pictures = made.latents[which].float()[:, None].expand(-1, asked.shape[1], *[-1] * len(self.shape))
        return pictures, asked, made.values[which[:, None], asked]

    def null(self, cond: Cond) -> Cond:
        return self.made.lines.null(cond)

    def _others(self, which: Tensor, attributes: Tensor, u: Tensor) -> Tensor:
        """[n, R] of items that share an attribute with another one."""
        made = self.made
        rank = made.rank[attributes, which[:, None]]
        value = made.values[which[:, None], attributes]
        begin, count = made.begins[attributes, value], made.counts[attributes, value]
        step = 1 + (u * (count - 1).clamp(min=0)).long()
        return made.order[attributes, begin + (rank - begin + step) % count]

    # -- making ----------------------------------------------------------------------------------------------------

    def _make(self) -> _Made:
        items = self.hands.items(self.n_items, self.seed)
        path = self.folder / f"latents-{self.model.hash}-{self.n_items}-seed{self.seed}.safetensors"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            save_weights(path, {"latents": encode_items(self.model, self.hands, items, self.say)})
        latents = load_weights(path)[0]["latents"].to(self.model.device)
        return _Made(latents, items, self._lines(items), self)

    def _lines(self, items: Sequence[Item]) -> list[tuple[Said, Sequence[str]]]:
        """Of every item and attribute: a caption that does not state it, and what it states."""
        rng = np.random.default_rng([self.seed, 4])
        return [self._line(item, name, rng) for item in items for name in self.attributes]

    def _line(self, item: Item, name: str, rng: np.random.Generator) -> tuple[Said, Sequence[str]]:
        for _ in range(TRIES):
            text = self.hands.caption(item, rng, taught=True)
            stated = self.domain.read(text).stated
            if name not in stated:
                return Said(text, given=self.hands.given(item)), tuple(stated)
        return Said("", given=self.hands.given(item)), ()


class _Made:
    """latents [N, *shape]; lines: of item i without attribute a at i · A + a; stated: bool [N · A, A], what each states; values:
    int64 [N, A]; order [A, N]: items by value of an attribute, rank [A, N]: where each stands in it, begins, counts [A, V]: of
    values."""

    def __init__(self, latents: Tensor, items: Sequence[Item], lines: Sequence[tuple[Said, Sequence[str]]], of: SharedAttributes):
        names, factors, device = of.attributes, of.domain.factors, latents.device
        states = [of.hands.state(item) for item in items]
        self.latents = latents
        self.lines = of.model.line_reader().read([line for line, _ in lines])
        self.stated = torch.tensor([[name in stated for name in names] for _, stated in lines], device=device)
        self.values = torch.tensor([[factors[n].index(state[n]) for n in names] for state in states], device=device)
        self.order = self.values.T.argsort(dim=1, stable=True)
        self.rank = self.order.argsort(1)
        most = max(len(factors[name].values) for name in names)
        self.counts = torch.stack([column.bincount(minlength=most) for column in self.values.T])
        self.begins = self.counts.cumsum(1) - self.counts
