"""Pooled arms whose figures are known: common noise that pairing cancels, and a little of their own."""

import torch

from studio.metrics.interval import Estimate
from studio.metrics.proportion import wilson
from studio.metrics.study import PooledArm

DRAWS = 500
COMMON = torch.randn(DRAWS, generator=torch.Generator().manual_seed(0)).double()


def estimate(value, sd=0.01, seed=1, n=512, common=0.03):
    own = torch.randn(DRAWS, generator=torch.Generator().manual_seed(seed)).double() * sd
    return Estimate.centred(value, value + own + common * COMMON, n)


def arm(name, diversity, accuracy=0.96, sd=0.01, n=512, prompts=8, accuracy_sd=0.004):
    """An arm over `prompts` prompts; its own noise is a function of its name."""
    seed = sum(ord(c) * 31**i for i, c in enumerate(name)) % 100_003
    d, right = estimate(diversity, sd, seed, n), estimate(accuracy, accuracy_sd, seed + 1, n, common=0.02)
    return PooledArm(name, n, prompts, prompts, d, d, right, wilson(round(accuracy * n), n), wilson(n, n))


def arms(**values):
    """Arms by name: a diversity, or (diversity, accuracy); _ in a name stands for -."""
    out = {}
    for name, value in values.items():
        name = name.replace("_", "-")
        out[name] = arm(name, *value) if isinstance(value, tuple) else arm(name, value)
    return out
