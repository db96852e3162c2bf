"""A reader made from a few pictures: does a sample show what they show, rather than the class it belongs to?

Two questions, both in features whitened by what pictures of the class differ in, so that a place or an hour counts for little
(the pooled covariance is shrunk towards its own mean, as Ledoit & Wolf 2004 do; the amount is fixed, because a handful of
pictures chooses none). A linear discriminant between the pictures and the class (Fisher 1936) says which of the two a sample is
like; alone it would take a blur for the subject, for that is unlike the class as well. So a sample must also lie as near to one
of the pictures as pictures that were held back do. Both thresholds are set on these against pictures of the class that the
reader was not fitted to; the shares that pass of held-back pictures, each left out in turn, and of further pictures of the class
are said beside every hit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from studio.core.files import Json
from studio.metrics.proportion import wilson

SHRINKAGE = 0.3
REACH = 1.1  # times the distance within which 95 % of the held-back pictures lie


@dataclass(frozen=True)
class Recogniser:
    """whiten: [D, D]. direction: [D] in whitened features. known: [K, D], of the pictures, whitened. threshold: of scores.
    reach: of distances. found, mistaken: shares that pass, with intervals, of held-back pictures and of the class."""

    whiten: Tensor
    direction: Tensor
    known: Tensor
    threshold: float
    reach: float
    found: Json = field(default_factory=dict)
    mistaken: Json = field(default_factory=dict)

    def scores(self, features: Tensor) -> Tensor:
        """[N] of features [N, D]; higher is more like the subject than like its class."""
        return features.double() @ self.whiten @ self.direction

    def distances(self, features: Tensor) -> Tensor:
        """[N] to the nearest of the pictures, in whitened features."""
        return torch.cdist(features.double() @ self.whiten, self.known).min(1).values

    def shows(self, features: Tensor) -> Tensor:
        """bool [N]."""
        return (self.scores(features) > self.threshold) & (self.distances(features) <= self.reach)


def recogniser(subject: Tensor, held: Tensor, of_class: Tensor, views: int = 1) -> Recogniser:
    """From features [N, D] of pictures of the subject, of those held back, and of its class: a third of these to fit to, a third
    to set the thresholds on, a third to count mistakes on. What is found is counted on held-back pictures one by one, each with
    thresholds that were set without it; of one held-back picture alone, with it. views: rows of each held-back picture, one
    after another, of which most must pass: they are one picture, and count once.

    ValueError where there are too few: two of the subject, one held back and four of the class are needed.
    """
    if len(subject) < 2 or len(held) < 1 or len(of_class) < 6:
        raise ValueError(
            f"{len(subject)} pictures, {len(held)} held back and {len(of_class)} of the class cannot make a reader; "
            "2, 1 and 6 would."
        )
    subject, held = subject.double(), held.double()
    fitted, other, unseen = (of_class.double()[i::3] for i in range(3))
    centre, common = subject.mean(0), fitted.mean(0)
    spread = torch.cat([subject - centre, fitted - common])
    pooled = spread.T @ spread / max(1, len(spread) - 2)
    even = torch.eye(len(pooled), dtype=torch.float64) * pooled.diagonal().mean().clamp(min=1e-12)
    values, axes = torch.linalg.eigh((1 - SHRINKAGE) * pooled + SHRINKAGE * even)
    whiten = axes @ torch.diag(values.clamp(min=1e-12).rsqrt())
    direction = (centre - common) @ whiten
    direction = direction / direction.norm().clamp(min=1e-12)
    bare = Recogniser(whiten, direction, subject @ whiten, 0.0, math.inf)

    def made(known: Tensor) -> Recogniser:
        reach = REACH * float(bare.distances(known).quantile(0.95))
        return replace(bare, threshold=_between(bare.scores(known), bare.scores(other)), reach=reach)

    pictures = held.split(views)
    rest = [torch.cat([one for one in pictures if one is not left]) if len(pictures) > 1 else held for left in pictures]
    passed = torch.stack([made(known).shows(left).double().mean() for known, left in zip(rest, pictures, strict=True)])
    whole = made(held)
    return replace(whole, found=_share(passed > 0.5), mistaken=_share(whole.shows(unseen)))


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
