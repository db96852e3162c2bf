"""Precision and recall (Kynkäänniemi et al. 2019) of *all* samples of an arm against the world's own."""

from __future__ import annotations

import torch

from studio.core.rng import generator
from studio.metrics.interval import TOO_SMALL, Interval
from studio.metrics.measures import LACKING, Sample, measure
from studio.metrics.precision_recall import K_NEAREST, PrecisionRecall, precision_recall

LEAST = 16  # samples; fewer make k-NN balls that cover everything


@measure("precision", order=40)
def precision(sample: Sample) -> Interval:
    found = _pair(sample)
    return found if isinstance(found, Interval) else found.precision


@measure("recall", order=41)
def recall(sample: Sample) -> Interval:
    found = _pair(sample)
    return found if isinstance(found, Interval) else found.recall


def _pair(sample: Sample) -> PrecisionRecall | Interval:
    return sample.once("manifold", lambda: _made(sample))


def _made(sample: Sample) -> PrecisionRecall | Interval:
    """Both; an interval without a value where they cannot be told."""
    found, reference, n = sample.features, sample.reference, len(sample.features)
    finite = bool(found.isfinite().all())
    if reference is None:
        return Interval(None, n=n, note=LACKING["reference"])
    if len(reference) <= K_NEAREST or not finite or n < LEAST or len(reference) < LEAST:
        return Interval(None, n=n, note=TOO_SMALL if finite else "features are not finite")
    # sets of equal size, as in the paper: a denser reference would have smaller balls
    rows = torch.randperm(len(reference), generator=generator(sample.seed, "reference"))[:n]
    return precision_recall(found, reference[rows])
