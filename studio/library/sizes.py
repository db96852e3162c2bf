"""The size that a pair's models draw in: their own, or one that is asked for. Needs no torch.

What a size is and how it is written is its medium's (`core.medium.Parts`); in which steps a model takes it is its family's
(`core.family.Checkpoint.step`).
"""

from __future__ import annotations

from collections.abc import Sequence

from studio.core.medium import Parts, with_parts
from studio.domains import domain_of
from studio.domains.media import medium_of
from studio.library.models import ModelEntry, Pair


def sizable(entry: ModelEntry) -> bool:
    """Whether a model draws in other sizes than its own."""
    return entry.checkpoint.step > 0 and isinstance(medium_of(domain_of(entry.domain)), Parts)


def written(pair: Pair | None) -> str:
    """How sizes of a pair's samples are written, in words; "" where they have none."""
    medium = None if pair is None else medium_of(domain_of(pair.student.domain))
    return medium.written if isinstance(medium, Parts) else ""


def drawn_shape(asked: str, pair: Pair) -> tuple[int, ...] | None:
    """Of a latent sample; None where it is both models' own. Where they differ and nothing is asked for it is the student's.

    asked: as the medium writes sizes, or "". ValueError in one sentence where one of the models cannot draw it.
    """
    both = (pair.student, pair.teacher)
    if asked:
        student, teacher = (_asked(asked, entry) for entry in both)
        if student != teacher:
            raise ValueError(f"{asked} means latents of different shapes for {pair.student.id} and {pair.teacher.id}.")
        return None if all(student == entry.checkpoint.shape for entry in both) else student
    own = pair.student.checkpoint.shape
    if not differ(pair) or not interchangeable(*both):
        return None
    if any(side % pair.teacher.checkpoint.step for side in own[1:]):
        raise ValueError(
            f"{pair.teacher.id} cannot draw in the size of {pair.student.id}; a size that both draw in, written as one of its "
            "own, would fit."
        )
    return own


def differ(pair: Pair) -> bool:
    """Whether the two have sizes of their own, and not the same."""
    shapes = [entry.checkpoint.shape for entry in (pair.student, pair.teacher)]
    return all(shapes) and shapes[0] != shapes[1]


def interchangeable(one: ModelEntry, other: ModelEntry) -> bool:
    """Whether each may go on from what the other has drawn: their samples are of one size, or both draw in any."""
    if one.domain != other.domain:
        return False
    if one.size == other.size:
        return True
    return sizable(one) and sizable(other) and _grain(one) == _grain(other)


def sample_shape(shape: Sequence[int], own: Sequence[int], own_sample: Sequence[int]) -> tuple[int, ...]:
    """Of a decoded sample of latents of this shape, by a model whose own latents and samples have these."""
    return (own_sample[0], *(side * ours // lies for side, lies, ours in zip(shape[1:], own[1:], own_sample[1:], strict=True)))


def _asked(asked: str, entry: ModelEntry) -> tuple[int, ...]:
    medium, found = with_parts(medium_of(domain_of(entry.domain))), entry.checkpoint
    if not found.step:
        raise ValueError(f"{entry.id} draws in its own size alone; without {asked} it would fit.")
    return medium.sized(asked, found.sample_shape, found.shape, found.step, found.most)


def _grain(entry: ModelEntry) -> tuple[object, ...]:
    """Channels of latents, and how much of a sample one position is along each axis."""
    found = entry.checkpoint
    return found.shape[0], *(whole / side for whole, side in zip(found.sample_shape[1:], found.shape[1:], strict=True))
