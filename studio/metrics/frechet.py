"""Fréchet distance between Gaussian fits of two sets of features (Heusel et al. 2017, eq. 6; Dowson & Landau 1982).

It is named after its features: on an oracle's of ours it is FD-oracle, never FID.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from studio.metrics.bootstrap import multipliers
from studio.metrics.interval import TOO_SMALL, Estimate, Interval

LEFT_OUT = 128  # groups of samples that are left out in turn, at most
LEAST = 32  # samples; fewer make a covariance that is mostly noise


def moments(features: Any) -> tuple[Tensor, Tensor]:
    """(mean [D], unbiased covariance [D, D]), float64, of features [n, ...], n ≥ 2."""
    x = torch.as_tensor(features).detach().double().cpu().flatten(1)
    if len(x) < 2:
        raise ValueError(f"A covariance cannot be fitted to {len(x)} sample(s); give at least 2.")
    mean = x.mean(0)
    centred = x - mean
    return mean, centred.T @ centred / (len(x) - 1)


def frechet_of_moments(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """|μa − μb|² + tr(Σa + Σb − 2 (Σa Σb)^½), ≥ 0.

    (Σa Σb)^½ has the trace of (Σa^½ Σb Σa^½)^½, and that matrix is symmetric: two real eigenvalue problems in float64,
    no matrix square root of a non-symmetric product.
    """
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    product = root_a @ cov_b @ root_a
    cross = torch.linalg.eigvalsh((product + product.T) / 2).clamp_min(0).sqrt().sum()
    d = ((mean_a - mean_b) ** 2).sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    return max(0.0, float(d))


def frechet_distance(a: Any, b: Any) -> float:
    """Fréchet distance between features a [n, ...] and b [m, ...] of the same width.

    Biased upwards for finite samples, more so for fewer and wider ones: compare only arms of the same n, and beside the
    distance that reference samples of that n have to the reference.
    """
    mean_a, cov_a = moments(a)
    mean_b, cov_b = moments(b)
    if mean_a.shape != mean_b.shape:
        raise ValueError(f"Features of width {len(mean_a)} and {len(mean_b)} cannot be compared; give the same width.")
    return frechet_of_moments(mean_a, cov_a, mean_b, cov_b)


def frechet_interval(samples: Tensor, reference: Tensor) -> Interval:
    """The same with what it would vary with other samples, each left out in turn (Efron & Stein 1981); the reference is taken as
    it is. The bias of few samples is not in it."""
    x = torch.as_tensor(samples).detach().double().cpu().flatten(1)
    n = len(x)
    if min(n, len(reference)) < LEAST or not bool(x.isfinite().all()):
        return Interval(None, n=n, note=TOO_SMALL if bool(x.isfinite().all()) else "features are not finite")
    world, everything = moments(reference), torch.arange(n)
    value = frechet_of_moments(*world, *moments(x))
    parts = everything.chunk(min(n, LEFT_OUT))  # whole groups of samples where there are many
    without = [frechet_of_moments(*world, *moments(x[torch.isin(everything, part, invert=True)])) for part in parts]
    influence = torch.tensor([(len(parts) - 1) * (value - one) for one in without], dtype=torch.float64)
    return Estimate.of_influence(value, influence, multipliers(len(parts)), n, (0.0, math.inf)).interval()
