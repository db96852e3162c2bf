"""Diversity of samples of one condition: entropy of named factors first, then distances of features.

Every function takes optional `weights` (how often each sample counts, e.g. bootstrap counts times a gate): a weight of
zero leaves a sample out, a leading axis [n_boot] gives one number per resample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

Kernel = Literal["cosine", "rbf"]


def class_counts(labels: Any, n_classes: int, weights: Tensor | None = None) -> Tensor:
    """Counts of each class, [..., n_classes] float64, of integer `labels` [n] under `weights` [..., n]."""
    labels = torch.as_tensor(labels).long().flatten().cpu()
    if len(labels) and (int(labels.min()) < 0 or int(labels.max()) >= n_classes):
        bad = int(labels.min()) if int(labels.min()) < 0 else int(labels.max())
        raise ValueError(f"Label {bad} is outside the {n_classes} classes; labels run from 0 to {n_classes - 1}.")
    onehot = torch.nn.functional.one_hot(labels, n_classes).double()
    return onehot.sum(0) if weights is None else weights.double() @ onehot


def entropy_of_counts(counts: Tensor, correct: bool = True) -> Tensor:
    """Entropy in nats of whole class counts [..., K] -> [...], nan where there are no samples.

    The plug-in entropy of n samples is too low, by about (K − 1)/2n. `correct` applies the jackknife (Zahl 1977,
    Ecology 58): n H − (n − 1) · mean of H with one sample left out, capped at ln K, its maximum.
    On frequencies like a world's (3 to 10 classes, n = 8 to 64) it leaves about half the bias of Miller–Madow;
    a collapsed sample keeps exactly 0. What bias is left falls with n, so compare arms of the same n.
    """
    n = counts.sum(-1)
    f, f_less = torch.special.xlogy(counts, counts), torch.special.xlogy((counts - 1).clamp_min(0), counts - 1)
    plug_in: Tensor = n.log() - f.sum(-1) / n  # −Σ p ln p with p = c/n; nan for n = 0
    if not correct:
        return plug_in.clamp_min(0.0)
    rest = (n - 1).clamp_min(1)[..., None]
    without_one = rest.log() - (f.sum(-1, keepdim=True) - f + f_less) / rest  # a sample of class k left out
    jackknife = n * plug_in - (n - 1) * (counts / n[..., None] * without_one).sum(-1)
    return torch.where(n > 1, jackknife, plug_in).clamp(0.0, math.log(counts.shape[-1]))


def entropy_influence(labels: Any, n_classes: int, gate: Tensor) -> Tensor:
    """How much each of N samples moves the jackknifed entropy of those in the gate: (n − 1) · (H − H without it), nats, [N]
    float64, with n of all N; 0 outside the gate, whose samples count for nothing."""
    labels = torch.as_tensor(labels).long().flatten().cpu()
    counts = class_counts(labels, n_classes, gate.double())
    without = entropy_of_counts(counts[None] - torch.eye(n_classes, dtype=torch.float64))  # nan where there is none of a class
    moved = entropy_of_counts(counts) - without[labels]
    return (len(labels) - 1) * torch.where(gate, moved, torch.zeros_like(moved))


def entropy(labels: Any, n_classes: int, *, correct: bool = True) -> float:
    """Entropy of integer labels [n], nats in [0, ln n_classes]; see `entropy_of_counts` for the bias."""
    return float(entropy_of_counts(class_counts(labels, n_classes), correct))


def effective_number(labels: Any, n_classes: int, *, correct: bool = True) -> float:
    """exp(entropy): how many equally frequent classes would be as diverse, in [1, n_classes]."""
    return math.exp(entropy(labels, n_classes, correct=correct))


def world_entropy(probabilities: Sequence[float] | Tensor) -> float:
    """Entropy in nats of known frequencies, which must be non-negative and sum to 1."""
    p = _frequencies(probabilities)
    return max(0.0, float(-torch.special.xlogy(p, p).sum()))


def total_variation(labels: Any, probabilities: Sequence[float] | Tensor) -> float:
    """½ Σ |p̂ − p| in [0, 1] between the labels' shares and the world's `probabilities` [K].

    Finite samples alone make this positive (about ½ Σ √(2 p (1 − p)/πn)); it complements the entropy, which cannot
    tell a shifted distribution from a permuted one.
    """
    p = _frequencies(probabilities)
    return float(variation_of_counts(class_counts(labels, len(p)), p))


def variation_of_counts(counts: Tensor, probabilities: Tensor) -> Tensor:
    """`total_variation` of class counts [..., K] -> [...]."""
    return 0.5 * (counts / counts.sum(-1, keepdim=True) - probabilities).abs().sum(-1)


def _frequencies(probabilities: Sequence[float] | Tensor) -> Tensor:
    p = torch.as_tensor(probabilities, dtype=torch.float64).flatten()
    if not len(p) or bool((p < 0).any()) or abs(float(p.sum()) - 1) > 1e-6:
        raise ValueError(f"Frequencies {[round(v, 4) for v in p.tolist()]} do not fit; they are ≥ 0 and sum to 1.")
    return p


def distances(features: Any) -> Tensor:
    """Euclidean distances [n, n] float64 between features [n, ...], flattened per sample."""
    x = torch.as_tensor(features).detach().double().cpu().flatten(1)
    return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")


def mean_pair_distance(matrix: Tensor, weights: Tensor | None = None) -> Tensor:
    """Weighted mean of a distance matrix [n, n] over pairs of *different* samples -> [...]; nan below two samples.

    A resample that holds an image twice says nothing about its distance to itself, so those pairs are left out.
    """
    w = torch.ones(len(matrix), dtype=torch.float64) if weights is None else weights.double()
    pairs = w.sum(-1) ** 2 - (w**2).sum(-1)
    off = matrix - torch.diag(matrix.diagonal())
    total = ((w @ off) * w).sum(-1)
    return torch.where(pairs > 0, total / pairs.clamp_min(1e-300), torch.full_like(total, math.nan))


def pairwise_distance(features: Any) -> float:
    """Mean Euclidean distance over all pairs of features [n, ...] (D of arXiv 2503.10637, on our own features)."""
    return float(mean_pair_distance(distances(features)))


def kernel(features: Any, kind: Kernel = "cosine", bandwidth: float | None = None) -> Tensor:
    """Similarity matrix [n, n] float64 with ones on the diagonal, positive semi-definite.

    cosine: x·y/|x||y|. rbf: exp(−|x − y|²/2h²); h = `bandwidth`, by default the median pair distance. Arms are
    comparable only when they share h, so pass one.
    """
    x = torch.as_tensor(features).detach().double().cpu().flatten(1)
    if kind == "cosine":
        unit = torch.nn.functional.normalize(x, dim=1)
        return (unit @ unit.T).fill_diagonal_(1.0)
    if kind != "rbf":
        raise ValueError(f"Kernel {kind!r} is unknown; one of cosine, rbf fits.")
    d = distances(x)
    h = bandwidth if bandwidth is not None else median_distance(d)
    if h <= 0:
        return torch.ones_like(d)
    return torch.exp(-(d**2) / (2 * h**2))


def median_distance(matrix: Tensor) -> float:
    """Median of the off-diagonal distances; 0 when there are no pairs."""
    n = len(matrix)
    rows, columns = torch.triu_indices(n, n, offset=1)
    return float(matrix[rows, columns].median()) if n > 1 else 0.0


def vendi_of_kernel(K: Tensor, weights: Tensor | None = None) -> Tensor:
    """exp of the eigenvalue entropy of K/n [n, n] -> [...] (Friedman & Dieng 2023, definition 3.1).

    With `weights`, p = w/Σw: eigenvalues of diag(√p) K diag(√p), their probability-weighted score.
    """
    w = torch.ones(len(K), dtype=torch.float64) if weights is None else weights.double()
    root = (w / w.sum(-1, keepdim=True)).sqrt()
    if root.ndim == 1:
        eigenvalues = torch.linalg.eigvalsh(root[:, None] * K * root[None, :]).clamp_min(0.0)
        return torch.exp(-torch.special.xlogy(eigenvalues, eigenvalues).sum())
    return torch.stack([vendi_of_kernel(K, row) if row.sum() > 0 else torch.tensor(math.nan).double() for row in w])


def vendi(features: Any, kind: Kernel = "cosine", bandwidth: float | None = None) -> float:
    """Vendi score of features [n, ...]: effective number of different samples, in [1, n]; grows with n."""
    return float(vendi_of_kernel(kernel(features, kind, bandwidth)))
