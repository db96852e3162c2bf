"""Pictures that were measured, before and after, failures first: those that still show the concept, then prompts that broke.

A picture of what must stay is wrong where the oracle does not see what its prompt states; it broke where the untouched model was
right from the same noise. In a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.core.domain import Oracle, Said
from studio.core.files import Json
from studio.core.medium import Medium
from studio.domains.media.image import jpeg_strip

MOST = 16  # pictures of a block
SIDE = 128  # pixels of a picture, at most
FORGOTTEN, KIND, ELSE = "forgotten", "in its domain", "across domains"


@dataclass(frozen=True)
class Drawn:
    """Samples [N, …] without the change and with it, the i-th of both by prompt i and seed i."""

    prompts: Sequence[Said]
    seeds: Sequence[int]
    before: Tensor
    after: Tensor


@dataclass(frozen=True)
class Block:
    """name: a part of the retention matrix. chosen: indices of what is shown, failures first. wrong, was_wrong: bool [N], after
    and before; None where nobody reads. counted: bool [N], which pictures say anything of it."""

    name: str
    drawn: Drawn
    chosen: Sequence[int]
    wrong: Tensor | None = None
    was_wrong: Tensor | None = None
    counted: Tensor | None = None

    def said(self, file: str) -> Json:
        """What an event says of it."""
        at, drawn = list(self.chosen), self.drawn
        found: Json = {
            "name": self.name, "strip": file, "prompts": [drawn.prompts[i].text for i in at],
            "seeds": [drawn.seeds[i] for i in at], "of": len(drawn.prompts), "wrong": None, "was_wrong": None, "failed": None,
            "also_before": None,
        }  # fmt: skip
        if self.wrong is None or self.was_wrong is None or self.counted is None:
            return found
        flags = {"wrong": self.wrong, "was_wrong": self.was_wrong}
        return {
            **found, **{name: [bool(flag[i]) for i in at] for name, flag in flags.items()},
            "of": int(self.counted.sum()), "failed": int((self.wrong & self.counted).sum()),
            "also_before": int((self.wrong & self.was_wrong & self.counted).sum()),
        }  # fmt: skip


def blocks(
    concept: Drawn,
    others: Drawn,
    oracle: Oracle | None,
    shown: Callable[[Tensor], Tensor],
    right: Callable[[Tensor, bool], tuple[Tensor, Tensor]],
) -> list[Block]:
    """shown: of the concept's pictures, whether they show it. right: of the others, (whether what they state is shown, whether
    they state anything), of the concept's own factors or of the rest."""
    if oracle is None:
        first, second = range(min(MOST, len(concept.prompts))), range(min(MOST, len(others.prompts)))
        return [Block(FORGOTTEN, concept, first), Block(ELSE, others, second)]
    still, was = shown(concept.after), shown(concept.before)
    every = torch.ones(len(still), dtype=torch.bool)
    found = [Block(FORGOTTEN, concept, ordered(still, ~was, every), still, ~was, every)]
    taken: set[int] = set()
    for name, own in ((KIND, True), (ELSE, False)):
        (good, says), (before, _) = right(others.after, own), right(others.before, own)
        if bool(says.any()):
            chosen = ordered(~good, ~before, says, taken) or ordered(~good, ~before, says)
            found.append(Block(name, others, chosen, ~good, ~before, says))
            taken |= set(chosen)
    return found


def ordered(wrong: Tensor, was_wrong: Tensor, counted: Tensor, taken: Container[int] = ()) -> list[int]:
    """Indices of at most MOST pictures that count: wrong now and right before first, then wrong in both, then the rest; what is
    right is not shown twice."""
    at = [i for i in range(len(wrong)) if bool(counted[i]) and (bool(wrong[i]) or i not in taken)]
    return sorted(at, key=lambda i: (not bool(wrong[i]), bool(was_wrong[i]) if bool(wrong[i]) else False, i))[:MOST]


def kept(found: Sequence[Block], medium: Medium, keep: Callable[[str, bytes], str], step: int) -> list[Json]:
    """Write a strip for each block, before and after in turn; what an event says of all of them. keep: of a run's artifacts."""
    said = []
    for block in found:
        at, name = list(block.chosen), block.name.replace(" ", "-")
        pictures = torch.stack([block.drawn.before[at], block.drawn.after[at]], 1).flatten(0, 1)
        file = keep(f"artifacts/walls/{step:08d}/{name}.jpg", jpeg_strip(medium.still(pictures, SIDE)))
        said.append(block.said(file))
    return said
