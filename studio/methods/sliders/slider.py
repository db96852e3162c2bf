"""What all sliders share: a frozen network, one adapter, a denoiser whose strength is given with each batch."""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

import torch
from pydantic import Field
from torch import Tensor

from studio.core.denoiser import Cond, Denoiser, from_x0
from studio.core.lowrank import Adapter
from studio.core.material import ConditionalNetwork, Contrast, LayerSet
from studio.core.method import Method, MethodConfig, Sampling, Streams, Trained
from studio.core.rng import rand
from studio.core.simulate import add_noise


class SliderConfig(MethodConfig):
    rank: int = Field(4, ge=1, le=256, description="Rank of the adapter")
    alpha: float = Field(4.0, gt=0, le=1024, description="Strength 1 multiplies the adapter by alpha / rank")
    layers: LayerSet = Field("no cross-attention", description="Which layers it changes")
    batch: int = Field(16, ge=2, le=1024, description="Samples an update, half of them at either end")
    lr: float = Field(1e-3, gt=0, le=1, description="Learning rate")
    drop: float = Field(0.15, ge=0, le=1, description="Share of samples whose prompt is left out")
    ema: float = Field(0.95, ge=0, lt=1, description="EMA of the adapter")
    t_min: float = Field(0.0, ge=0, lt=1, description="Trained from this share of the time range on; 0 is clean")
    t_max: float = Field(1.0, gt=0, le=1, description="… to this one; 1 is pure noise")


C = TypeVar("C", bound=SliderConfig)


@runtime_checkable
class Finder(Protocol):
    """A method that finds by itself what it moves: a direction in the features of samples."""

    def found(self) -> tuple[Tensor, Cond, Tensor, float]:
        """(samples [N, ...], their conditions, the unit direction [D], the spread along it)."""


class Slider(Method[C]):
    """Holds the denoiser, the adapter and what is moved. The trained network is called "adapter"."""

    def __init__(self, config: C, streams: Streams, teacher: Denoiser, contrast: Contrast):
        super().__init__(config, streams)
        network = teacher.network
        assert isinstance(network, ConditionalNetwork)
        if config.t_min >= config.t_max:
            raise ValueError(f"t_min {config.t_min:g} and t_max {config.t_max:g} do not fit; t_min below t_max would")
        network.requires_grad_(False).eval()
        self.denoiser, self.network, self.contrast = teacher, network, contrast
        self.adapter = Adapter(network.adaptable(config.layers), config.rank, config.alpha, streams.seed).to(streams.device)
        self.trained = {"adapter": Trained(self.adapter, config.lr, ema=config.ema)}

    def output(self, x: Tensor, t: Tensor, cond: Cond, strength: Tensor | None = None) -> Tensor:
        """F [B, ...] with the adapter at a strength for each sample [B], or without it."""
        if strength is None:
            return self.denoiser.output(x, t, cond)[0]
        with self.network.wearing(self.adapter, strength):
            return self.denoiser.output(x, t, cond)[0]

    def recompute(self) -> None:
        """From now on the backward pass computes blocks of the network again instead of finding them kept."""
        self.network.recompute(True)

    def noised(self, x0: Tensor, cond: Cond) -> tuple[Tensor, Tensor, Tensor]:
        """(x_t, t [B] uniform between t_min and t_max, F that means x0 there)."""
        c, process = self.config, self.denoiser.process
        u = rand((len(x0),), self.streams["time"]).double()
        t = (c.t_min + (c.t_max - c.t_min) * u) * process.t_max
        x = add_noise(process, x0, t, self.contrast.noise(cond, self.streams["noise"]))
        alpha, sigma = process.alpha_sigma(t)
        return x, t, from_x0(self.denoiser.prediction, x0, x, alpha, sigma)

    def sometimes_null(self, cond: Cond, null: Cond) -> Cond:
        """Conditions of which a share is dropped, so that a guided sampler's unconditional half learns the slider as well."""
        n = len(next(iter(cond.values())))
        dropped = rand((n,), self.streams["drop"]) < self.config.drop
        return {k: torch.where(dropped.view(-1, *([1] * (v.ndim - 1))), null[k], v) for k, v in cond.items()}

    def sampling(self) -> Sampling:
        raise TypeError("a slider is no student; it is applied to models that are sampled as they are")
