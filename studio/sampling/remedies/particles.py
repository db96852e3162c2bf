"""Particle guidance: the seeds of one prompt push each other apart.

Corso et al. 2023 (arXiv 2310.13102), eq. 1: the score of sample i gains ∇_i log Φ_t(x_1 … x_n), here with their kernel
log Φ = −½ c_t Σ_{i≠j} k(x_i, x_j), k = exp(−‖x_i − x_j‖² / h), h = m² / log n, m the median distance of the pairs, and as in
their code only at noise levels of 1 and above.

Two choices are ours. The kernel is between the beliefs x̂0 rather than the noisy x_t, whose distances are mostly noise in many
dimensions (the paper takes features of x̂0 for the same reason), and the step is taken on x̂0 itself instead of through the
network's Jacobian. And the weight c_t in time, free in the paper, is chosen so that the step has no unit: by Tweedie's formula
x̂0 moves by (sigma / alpha)² ∇ log Φ = c_t (sigma / alpha)² (2 / h) Σ_j k (x̂0_i − x̂0_j), and we hold c_t (sigma / alpha)² (2 / h)
at `strength`. Forces are equal and opposite, so the mean of the beliefs stays where it was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from studio.sampling.remedies.base import Moment, Remedy

if TYPE_CHECKING:
    from torch import Tensor


class ParticleGuidance(Remedy):
    """strength: share of a close pair's distance that each of the two moves away, 0 is off.

    low: noise level (sigma / alpha) below which nothing happens; 1 as published.
    """

    coupled: ClassVar[bool] = True
    kind: Literal["particles"] = "particles"
    strength: float = Field(default=0.25, ge=0, allow_inf_nan=False)
    low: float = Field(default=1.0, ge=0, allow_inf_nan=False)

    @property
    def neutral(self) -> bool:
        return self.strength == 0

    def active(self, moment: Moment) -> bool:
        return not self.neutral and moment.level >= self.low

    def belief(self, x0: Tensor, groups: Sequence[Sequence[int]], moment: Moment) -> Tensor:
        moved = x0.clone()
        for group in groups:
            if len(group) > 1:
                rows = list(group)
                moved[rows] = x0[rows] + self.strength * repulsion(x0[rows])
        return moved


def repulsion(x: Tensor) -> Tensor:
    """Σ_j k(x_i, x_j) (x_i − x_j) for n > 1 samples [n, ...]; needs memory for n² numbers, not n² samples."""
    import torch

    flat = x.flatten(1).double()
    distance = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")
    n = len(flat)
    off = ~torch.eye(n, dtype=torch.bool, device=x.device)
    h = distance[off].median() ** 2 / math.log(n)
    if not h > 0:  # at least half of the pairs coincide: there is no direction to push in
        return torch.zeros_like(x)
    k = torch.where(off, torch.exp(-(distance**2) / h), 0.0)
    return (k.sum(1, keepdim=True) * flat - k @ flat).to(x.dtype).reshape(x.shape)
