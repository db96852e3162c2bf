"""Mean distance of two samples of an arm, in the oracle's features; samples whose diversity counts alone."""

from __future__ import annotations

import math

from studio.metrics import diversity as dv
from studio.metrics.bootstrap import resample_counts
from studio.metrics.interval import Estimate, Interval
from studio.metrics.measures import Sample, measure


@measure("pairwise", order=10)
def pairwise(sample: Sample) -> Interval:
    n = int(sample.gate.sum())
    if n < 2:
        return Estimate.missing(n).interval()
    counts = resample_counts(len(sample.gate), sample.n_boot, sample.seed)[:, sample.gate]
    matrix = dv.distances(sample.features[sample.gate])
    draws = dv.mean_pair_distance(matrix, counts)
    return Estimate.centred(float(dv.mean_pair_distance(matrix)), draws, n, (0.0, math.inf)).interval()
