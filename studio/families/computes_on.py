"""Where a network computes and in which precision, also while its layers come to the device one by one."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def computes_on(network: nn.Module) -> torch.device:
    """The device of its weights; of weights that wait elsewhere the one that accelerate brings them to."""
    at = next(network.parameters()).device
    return getattr(getattr(network, "_hf_hook", None), "execution_device", at) if at.type == "meta" else at


def like(network: nn.Module) -> Tensor:
    """A tensor on its device in its precision."""
    weight = next(network.parameters())
    return weight if weight.device.type != "meta" else torch.empty(0, dtype=weight.dtype, device=computes_on(network))
