"""ControlNet: a frozen model learns to follow a picture that says where things are.

Zhang et al. 2023 (arXiv 2302.05543, equation 5): the model's own prediction target on noised data, with text and hint given;
only the added network learns. A share of the prompts is left out, so that the hint is read without words too (section 3.3)
and a guided sampler's unconditional half follows it as well. What is learned has low rank (`core.control`), unlike there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from pydantic import Field
from torch import Tensor

from studio.core.control_differences import Differences, copy_of, hint_channels
from studio.core.denoiser import Cond, Denoiser, from_x0
from studio.core.method import Card, Method, MethodConfig, Sampling, Streams, Trained
from studio.core.rng import rand
from studio.core.simulate import add_noise
from studio.core.unet import UNetNetwork
from studio.methods.controlnets import CONTROLNETS


class HintedData(Protocol):
    """Clean samples with conditions and the hints that belong to them."""

    shape: tuple[int, ...]  # of one sample
    halvings: int  # the side of a hint is 2 ** halvings times that of a sample

    def hinted(self, n: int, g: torch.Generator) -> tuple[Tensor, Cond, Tensor]:
        """(x0 [n, *shape], conditions, hints [n, 3, H, W] in [0, 1])."""
        ...

    def null(self, cond: Cond) -> Cond:
        """The unconditional condition, of the same batch size."""
        ...

    def noise(self, cond: Cond, g: torch.Generator) -> Tensor:
        """As `core.material.Material.noise`."""
        ...


class HintedConfig(MethodConfig):
    rank: int = Field(8, ge=1, le=256, description="Rank of the differences from the encoder")
    batch: int = Field(16, ge=1, le=1024, description="Samples an update")
    lr: float = Field(2e-3, gt=0, le=1, description="Learning rate")
    drop: float = Field(0.25, ge=0, le=1, description="Share of samples whose prompt is left out")
    ema: float = Field(0.98, ge=0, lt=1, description="EMA of what is learned")


@CONTROLNETS.add("controlnet")
class Hinted(Method[HintedConfig]):
    """The trained network is called "control"."""

    card = Card(
        title="ControlNet",
        paper="arXiv 2302.05543",
        status="published objective; differences of low rank instead of a full copy",
        good_for="saying where things are, which words cannot",
        how="Show noised pictures with text and with a hint of their layout; a second encoder learns to pass the hint on.",
    )
    Config = HintedConfig

    def __init__(self, config: HintedConfig, streams: Streams, teacher: Denoiser, data: HintedData):
        super().__init__(config, streams)
        if not isinstance(teacher.network, UNetNetwork):
            raise ValueError("ControlNets are taught to UNets, and this model's network is none; a model with a UNet would fit.")
        teacher.network.requires_grad_(False).eval()
        self.denoiser, self.unet, self.data = teacher, teacher.network.unet, data
        control = copy_of(self.unet, hint_channels(data.halvings))
        control.set_attn_processor(
            {name: type(p)() for name, p in self.unet.attn_processors.items() if name in control.attn_processors}  # type: ignore[call-arg]  # those of training take none
        )
        self.control = Differences(control, config.rank, streams.seed).to(streams.device)
        self.trained = {"control": Trained(self.control, config.lr, ema=config.ema)}

    def batch(self) -> tuple[Tensor, Cond, Tensor]:
        return self.data.hinted(self.config.batch, self.streams["data"])

    def output(self, x: Tensor, t: Tensor, cond: Cond, hint: Tensor) -> Tensor:
        """F [B, ...] of the frozen network with what the ControlNet adds."""
        down, middle = self.control(x, t, cond["states"], hint)
        F: Tensor = self.unet(
            x, t, cond["states"], down_block_additional_residuals=down, mid_block_additional_residual=middle, return_dict=False
        )[0]
        return F

    def iteration(self, batch: tuple[Tensor, Cond, Tensor], step: int) -> Iterator[tuple[str, Tensor]]:
        x0, cond, hint = batch
        process = self.denoiser.process
        t = rand((len(x0),), self.streams["time"]).double() * process.t_max
        x = add_noise(process, x0, t, self.data.noise(cond, self.streams["noise"]))
        alpha, sigma = process.alpha_sigma(t)
        target = from_x0(self.denoiser.prediction, x0, x, alpha, sigma)
        found = self.output(x, t.float(), self._sometimes_null(cond), hint)
        loss = ((found - target) ** 2).mean()
        self.log["mse"] = float(loss.detach())
        yield "control", loss

    def _sometimes_null(self, cond: Cond) -> Cond:
        n, null = len(next(iter(cond.values()))), self.data.null(cond)
        dropped = rand((n,), self.streams["drop"]) < self.config.drop
        return {k: torch.where(dropped.view(-1, *([1] * (v.ndim - 1))), null[k], v) for k, v in cond.items()}

    def sampling(self) -> Sampling:
        raise TypeError("a ControlNet is no student; it is put on models that are sampled as they are")
