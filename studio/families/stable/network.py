"""A UNet as the sampling loop asks it: (x, t, cond) -> F."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.material import guidance_embedding
from studio.core.references import shown
from studio.families.computes_on import like
from studio.families.stable.controlnets import Controls
from studio.families.stable.halves import are_equal, computed_once
from studio.families.stable.text import time_ids
from studio.families.turns import Before

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel


class Network:
    """The UNet as (x, t, cond) -> F: float32 outside, its own precision and memory layout inside. pixels: of a side of one latent
    position; a network that is told the size of what it draws (SDXL) is told that of x where it is not its own."""

    def __init__(self, unet: UNet2DConditionModel, pixels: int):
        self.pixels = pixels
        self.unet = unet
        self.controls = Controls(unet)
        self.time_cond: Tensor | None = None
        self.before = Before()
        # SDXL's time embedding also holds the pooled text, so its halves differ from the first block on.
        self.halves = unet.config.get("addition_embed_type") is None and unet.config.get("class_embed_type") is None

    def embed_guidance(self, w: float) -> None:
        dim = self.unet.config.get("time_cond_proj_dim")
        self.time_cond = guidance_embedding(torch.tensor([w]), dim) if dim else None

    def __call__(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        self.before()
        weight = like(self.unet)
        extra: dict[str, object] = {}
        if "pooled" in cond:
            extra["added_cond_kwargs"] = {"text_embeds": cond["pooled"].to(weight), "time_ids": self._told(x, cond).to(weight)}
        given, states, twice = x.to(weight), cond["states"].to(weight), self.halves and are_equal(x, t)
        added = self.controls.residuals(given, t, cond, states, twice, extra) if self.controls.on else {}
        if self.time_cond is not None:
            scale = guidance_embedding(cond["w"], self.time_cond.shape[1]) if "w" in cond else self.time_cond
            extra["timestep_cond"] = scale.to(weight).expand(x.shape[0], -1)
        once = computed_once(self.unet) if twice else nullcontext()  # residuals are added behind what is computed once
        with shown(cond), once:
            F = self.unet(given, t, encoder_hidden_states=states, return_dict=False, **extra, **added)[0]
        return F.to(dtype=torch.float32, memory_format=torch.contiguous_format)

    def _told(self, x: Tensor, cond: Cond) -> Tensor:
        """[B, 6]: the condition's own, or those of the size of x."""
        high, wide = x.shape[-2:]
        if high == wide == self.unet.config["sample_size"]:
            return cond["time_ids"]
        return time_ids(high * self.pixels, wide * self.pixels, len(x), x.device)
