"""What a method needs from the world it teaches in; the domain or family behind it is not its business."""

from __future__ import annotations

import copy
import math
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from studio.core.denoiser import Cond


class Material(Protocol):
    """Clean samples and conditions, drawn with the generator that is passed in."""

    shape: tuple[int, ...]  # of one sample, without the batch axis

    def data(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond]:
        """(x0 [n, *shape], cond) from the data set."""
        ...

    def conditions(self, n: int, g: torch.Generator) -> Cond:
        """Conditions alone; must not touch any data."""
        ...

    def null(self, cond: Cond) -> Cond:
        """The unconditional condition, of the same batch size."""
        ...


class ConditionalNetwork(nn.Module):
    """Base class of trainable networks: ``forward(x [B, ...], t [B], cond) -> F [B, ...]``."""

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        raise TypeError(f"{type(self).__name__} has no forward; wrap a network in a class that defines it")

    def trainable_copy(self) -> ConditionalNetwork:
        """A network that gives what this one gives and may be trained without changing it; by default a full copy."""
        return copy.deepcopy(self).requires_grad_(True).train()

    def features(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """Inner features [B, C] or [B, C, ...] for a discriminator's head."""
        raise TypeError(f"{type(self).__name__} gives no features, so objectives with a discriminator cannot use it")

    def with_guidance_input(self) -> ConditionalNetwork:
        """A copy that also reads cond["w"] [B], the guidance scale; until trained it gives what this one gives."""
        raise TypeError(f"{type(self).__name__} cannot take the guidance scale as an input")


GUIDANCE_DIM = 64  # width of the embedding of w in students that take it as an input


def guidance_embedding(w: Tensor, dim: int) -> Tensor:
    """[B] -> [B, dim]: sines and cosines of 1000 (w − 1), as diffusers' LCM pipeline embeds the scale."""
    half = dim // 2
    frequencies = torch.exp(-math.log(10000.0) * torch.arange(half, dtype=torch.float32, device=w.device) / (half - 1))
    angles = 1000.0 * (w.float()[:, None] - 1.0) * frequencies
    return torch.nn.functional.pad(torch.cat([angles.sin(), angles.cos()], 1), (0, dim % 2))


class _Reached(Exception):
    """Not an error: the way out of a forward pass once its middle is known."""

    def __init__(self, features: Tensor):
        self.features = features


def _stop(module: nn.Module, inputs: object, output: Tensor) -> None:
    raise _Reached(output)


class UNetNetwork(ConditionalNetwork):
    """A diffusers UNet2DConditionModel under the common signature; text states are ``cond['states']`` [B, L, D].

    A UNet with ``time_cond_proj_dim`` also reads cond["w"] [B], the guidance scale.
    """

    unet: Any  # diffusers' types hide what its mixins add

    def __init__(self, unet: nn.Module):
        super().__init__()
        self.unet = unet

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        extra = {}
        if "w" in cond:
            dim = int(self.unet.config["time_cond_proj_dim"])
            extra["timestep_cond"] = guidance_embedding(cond["w"], dim).to(x)
        return self.unet(x, t, cond["states"], return_dict=False, **extra)[0]

    def features(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """Output of the middle block [B, C, h, w]; the way up is not computed."""
        hook = self.unet.get_submodule("mid_block").register_forward_hook(_stop)
        try:
            self.forward(x, t, cond)
        except _Reached as reached:
            return reached.features
        finally:
            hook.remove()
        raise AssertionError("the middle block was not reached")

    def with_guidance_input(self) -> UNetNetwork:
        unet = type(self.unet).from_config({**self.unet.config, "time_cond_proj_dim": GUIDANCE_DIM})
        missing, unexpected = unet.load_state_dict(self.unet.state_dict(), strict=False)
        assert missing == ["time_embedding.cond_proj.weight"] and not unexpected, (missing, unexpected)
        torch.nn.init.zeros_(unet.get_parameter(missing[0]))
        unet.set_attn_processor(dict(self.unet.attn_processors))
        return UNetNetwork(unet.to(next(self.unet.parameters()).device))
