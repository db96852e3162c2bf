"""Vendi score (Friedman & Dieng 2023): effective number of different samples, by an RBF kernel on the oracle's features."""

from __future__ import annotations

from studio.metrics import diversity as dv
from studio.metrics.bootstrap import resample_counts
from studio.metrics.interval import Estimate, Interval
from studio.metrics.measures import Sample, measure

BOOT = 200  # every draw is an eigenvalue problem


@measure("vendi", order=20)
def vendi(sample: Sample) -> Interval:
    n = int(sample.gate.sum())
    if n < 2:
        return Estimate.missing(n).interval()
    counts = resample_counts(len(sample.gate), sample.n_boot, sample.seed)[:, sample.gate]
    similarity = dv.kernel(sample.features[sample.gate], "rbf", sample.bandwidth)
    draws = dv.vendi_of_kernel(similarity, counts[:BOOT])
    return Estimate.centred(float(dv.vendi_of_kernel(similarity)), draws, n, (1.0, float(n))).interval()
