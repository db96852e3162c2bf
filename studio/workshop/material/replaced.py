"""Captions of a world in which a concept is replaced, for students that never learn it (`studio.core.material.Replaced`)."""

from __future__ import annotations

import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Domain, Said, as_written
from studio.core.family import LineReader, Lines
from studio.core.rng import rand, randint
from studio.core.scores import per_sample
from studio.library.concepts import concepts, instead_of, listed, pairs, read

MADE = 256  # prompts with the concept besides captions, which may be few where it is rare
SEED = 515_151  # of these


class ReplacedCaptions:
    """Prompts that state the concept are captions that do and as many made ones as `MADE`; all others are captions that do
    not, those with something to keep twice as often. lines: of the captions."""

    def __init__(self, reader: LineReader, domain: Domain, lines: Lines, forget: str, becomes: str, keep: str):
        wanted, kept = concepts(domain, forget, becomes, keep), [read(domain, word) for word in listed(keep)]
        self.lines = lines
        with_it, instead, staying = [], [], []
        for i, said in enumerate(lines.said):
            stated = domain.read(said.text, given=said.given).stated
            now = instead_of(domain, wanted, stated)
            if now is None:
                staying += [i] * (2 if any(one.items() <= stated.items() for one in kept) else 1)
            else:
                with_it.append(said)
                instead.append(Said(domain.write(now), given=said.given))
        if not staying:
            raise ValueError("Every caption states what is to be forgotten, and nothing would stay; fewer words would fit.")
        made = pairs(domain, wanted, MADE, SEED)
        with_it += as_written(domain, [pair.forget for pair in made])
        instead += as_written(domain, [pair.becomes for pair in made])
        self.staying = torch.tensor(staying)
        self.forget, self.becomes = reader.read(with_it), reader.read(instead)

    def conditions(self, n: int, share: float, g: torch.Generator) -> tuple[Cond, Cond]:
        states = rand((n,), g) < share
        which, other = randint(len(self.forget), (n,), g), randint(len(self.staying), (n,), g)
        captions = self.lines.take(self.staying[other.cpu()])
        return _where(states, self.forget.take(which), captions), _where(states, self.becomes.take(which), captions)


def _where(states: Tensor, concept: Cond, other: Cond) -> Cond:
    """Row by row the first or the second."""
    return {name: torch.where(per_sample(states.to(part.device), part), concept[name], part) for name, part in other.items()}
