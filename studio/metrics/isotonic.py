"""The nearest series that never falls (isotonic regression, equal weights)."""

from __future__ import annotations

import torch
from torch import Tensor


def rising(values: Tensor) -> Tensor:
    """Least-squares rising fit over the first axis of values [S, ...].

    By the max–min formula (Robertson, Wright & Dykstra 1988, theorem 1.4.4): f_i = max over a ≤ i of the min over b ≥ i of
    the mean of values a…b. Cubic in S, but all columns at once.
    """
    steps = len(values)
    sums = torch.cat([torch.zeros_like(values[:1]), values.cumsum(0)])
    fitted = []
    for i in range(steps):
        length = torch.arange(i + 1, steps + 1)[None, :] - torch.arange(i + 1)[:, None]
        length = length.reshape(*length.shape, *[1] * (values.ndim - 1)).to(values.dtype)
        means = (sums[None, i + 1 :] - sums[: i + 1, None]) / length
        fitted.append(means.amin(1).amax(0))
    return torch.stack(fitted) if fitted else values.clone()
