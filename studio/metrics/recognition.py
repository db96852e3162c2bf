"""A reader made from a few pictures: does a sample show what they show, rather than the class it belongs to?

A linear discriminant between features of the pictures and of the class (Fisher 1936), with the pooled covariance shrunk towards
its own mean (Ledoit & Wolf 2004 choose the amount; here it is fixed, because a handful of pictures chooses nothing). Its
threshold is set on pictures that were held back against pictures of the class that it was not fitted to, and the shares of both
that pass it are said beside every hit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from studio.core.files import Json
from studio.metrics.proportion import wilson

SHRINKAGE = 0.3


@dataclass(frozen=True)
class Recogniser:
    """direction: [D]. threshold: of its scores. found, mistaken: shares with intervals, of held-back pictures of the subject and
    of the class, that pass."""

    direction: Tensor
    threshold: float
    found: Json
    mistaken: Json

    def scores(self, features: Tensor) -> Tensor:
        """[N] of features [N, D]."""
        return features.double() @ self.direction

    def shows(self, features: Tensor) -> Tensor:
        """bool [N]."""
        return self.scores(features) > self.threshold


def recogniser(subject: Tensor, held: Tensor, of_class: Tensor) -> Recogniser:
    """From features [N, D] of pictures of the subject, of those held back, and of its class, of which half is held back too.

    ValueError where there are too few: two of the subject, one held back and four of the class are needed.
    """
    if len(subject) < 2 or len(held) < 1 or len(of_class) < 4:
        raise ValueError(
            f"{len(subject)} pictures, {len(held)} held back and {len(of_class)} of the class cannot make a reader; "
            "2, 1 and 4 would."
        )
    subject, held = subject.double(), held.double()
    fitted, other = of_class.double()[0::2], of_class.double()[1::2]
    centre, common = subject.mean(0), fitted.mean(0)
    spread = torch.cat([subject - centre, fitted - common])
    pooled = spread.T @ spread / max(1, len(spread) - 2)
    even = torch.eye(len(pooled), dtype=torch.float64) * pooled.diagonal().mean().clamp(min=1e-12)
    direction = torch.linalg.solve((1 - SHRINKAGE) * pooled + SHRINKAGE * even, centre - common)
    direction = direction / direction.norm().clamp(min=1e-12)
    ours, theirs = held @ direction, other @ direction
    threshold = _between(ours, theirs)
    return Recogniser(direction, threshold, _share(ours > threshold), _share(theirs > threshold))


def _between(ours: Tensor, theirs: Tensor) -> float:
    """The threshold that tells most of both apart; of several that do equally well, the middle of the widest gap."""
    cuts = torch.cat([ours, theirs]).sort().values
    middles = (cuts[1:] + cuts[:-1]) / 2
    right = torch.stack([(ours > cut).double().mean() + (theirs <= cut).double().mean() for cut in middles])
    best = right >= right.max() - 1e-12
    widths = torch.where(best, cuts[1:] - cuts[:-1], torch.zeros_like(middles))
    return float(middles[widths.argmax()])


def _share(hits: Tensor) -> Json:
    return wilson(int(hits.sum()), len(hits)).to_dict()


def nearest(features: Tensor, to: Tensor) -> Tensor:
    """[N] Euclidean distance of each row to the nearest row of `to`."""
    return torch.cdist(features.double(), to.double()).min(1).values
