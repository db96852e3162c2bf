"""AdamW with its moments in 32 or 8 bits."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn

Optimizer = Literal["adamw", "adamw8bit"]
# Both keep small tensors (below 4,096 numbers) in 32 bits. torchao compiles its step, which takes a minute at the start.
EIGHT_BIT = {"bitsandbytes": "bitsandbytes.optim", "torchao": "torchao.optim"}


def make_optimizer(
    kind: Optimizer, parameters: Iterable[nn.Parameter], *, lr: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101); "adamw8bit" stores both moments in blocks of 8-bit numbers with a
    scale each (Dettmers et al. 2022, arXiv 2110.02861): 2 bytes a weight instead of 8.

    ValueError in one sentence when no package here has it.
    """
    settings: dict[str, Any] = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
    if kind == "adamw":
        return torch.optim.AdamW(parameters, fused=True, **settings)
    for module in EIGHT_BIT.values():
        try:
            return importlib.import_module(module).AdamW8bit(list(parameters), **settings)
        except (ImportError, OSError, AttributeError):  # not installed, or not for this machine
            continue
    raise ValueError(f"The optimiser adamw8bit needs the package {' or '.join(EIGHT_BIT)}; install one, or choose adamw.")


def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Learning rate of all groups, whether the optimiser keeps it as a number or as a tensor."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr
