"""The network a slider is trained on, with every condition that the model's own sampling gives it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import Tensor

from studio.core.denoiser import Cond, Denoiser
from studio.core.lowrank import applied
from studio.core.material import UNetNetwork
from studio.methods.material import teacher_denoiser


class SliderNetwork(UNetNetwork):
    """A UNet that also reads ``cond['pooled']`` [B, P] and ``cond['time_ids']`` [B, 6] where conditions hold them (SDXL)."""

    worn: tuple[Any, Any] | None = None  # the adapter of now and its strength, for blocks that are computed a second time

    def forward(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        extra = {"added_cond_kwargs": {"text_embeds": cond["pooled"], "time_ids": cond["time_ids"]}} if "pooled" in cond else {}
        return self.unet(x, t, cond["states"], return_dict=False, **extra)[0]

    def as_now(self) -> AbstractContextManager[Any]:
        return nullcontext() if self.worn is None else applied(self.unet, *self.worn)


def slider_denoiser(model: Any) -> Denoiser:
    """A float32 copy of an opened model's network, laid out for training; the opened model itself is left alone."""
    plain = teacher_denoiser(model)
    assert isinstance(plain.network, UNetNetwork)
    return Denoiser(SliderNetwork(plain.network.unet), plain.process, plain.prediction)
