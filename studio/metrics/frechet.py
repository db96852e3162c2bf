"""Fréchet distance between Gaussian fits of two sets of features (Heusel et al. 2017, eq. 6; Dowson & Landau 1982).

It is named after its features: on an oracle's of ours it is FD-oracle, never FID.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


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
