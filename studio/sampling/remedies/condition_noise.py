"""Gaussian noise on a condition, with the rescaling of CADS; what `cads` and `prompt_noise` have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from studio.core.denoiser import Cond

SETTINGS = ("time_ids", "w")  # conditions that are settings (sizes, an embedded guidance scale) and describe nothing


def noised(
    cond: Cond, seeds: Sequence[int], purpose: str, keep: float, add: float, psi: float, names: Sequence[str] = ()
) -> Cond:
    """ŷ = keep · y + add · n, rescaled to y's mean and standard deviation and mixed by psi. Rows of y go with seeds.

    n depends on (seed, purpose, name of the tensor) alone. names: tensors to touch; none = every floating one that is no
    setting. Mean and deviation are taken over each sample's tensor, so that a batch changes nothing.
    """
    from studio.core.rng import generator, randn

    missing = [name for name in names if name not in cond]
    if missing:
        raise ValueError(f"the condition has no tensor {missing[0]!r}; {', '.join(cond) or 'none'} would fit")

    def changed(name: str, y: Tensor) -> Tensor:
        if not (name in names if names else y.is_floating_point() and name not in SETTINGS):
            return y
        n = [randn(y.shape[1:], generator(int(seed), f"{purpose} {name}")) for seed in seeds]
        return _mixed(y, n, keep, add, psi)

    return {name: changed(name, y) for name, y in cond.items()}


def _mixed(y: Tensor, n: Sequence[Tensor], keep: float, add: float, psi: float) -> Tensor:
    import torch

    exact = y.float()
    noisy = keep * exact + add * torch.stack(list(n)).to(exact)
    if psi > 0 and exact[0].numel() > 1:  # a single number has no deviation to keep
        mean, spread = _over_sample(exact, torch.mean), _over_sample(exact, torch.std)
        noisy_mean, noisy_spread = _over_sample(noisy, torch.mean), _over_sample(noisy, torch.std)
        rescaled = (noisy - noisy_mean) / noisy_spread * spread + mean
        noisy = psi * rescaled + (1 - psi) * noisy
    return noisy.to(y.dtype)


def _over_sample(y: Tensor, measure: Callable[..., torch.Tensor]) -> Tensor:
    return measure(y.flatten(1), dim=1).reshape(-1, *[1] * (y.ndim - 1))
