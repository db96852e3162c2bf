"""FD-oracle of *all* samples of an arm against the world's own: fidelity must see what a gate would hide."""

from __future__ import annotations

from studio.metrics.frechet import LEAST, frechet_distance
from studio.metrics.measures import Sample, measure
from studio.metrics.precision_recall import K_NEAREST


@measure("fd_oracle", order=30)
def fd_oracle(sample: Sample) -> float | None:
    found, reference = sample.features, sample.reference
    if reference is None or len(reference) <= K_NEAREST or not bool(found.isfinite().all()):
        return None
    return frechet_distance(found, reference) if min(len(found), len(reference)) >= LEAST else None


@measure("fd_oracle_n", order=31)
def fd_oracle_n(sample: Sample) -> float:
    return len(sample.features)
