"""Training of a text-to-image teacher from scratch in latent space.

v-prediction (Salimans & Ho 2022, Progressive Distillation, appendix D). The squared error of v is that of x0 times
SNR + 1; this factor is capped (Hang et al. 2023, Min-SNR, cap x0's weight at gamma), but unlike there it stays 1 at
high noise: min(SNR + 1, gamma) / (SNR + 1). Few-step students decide the picture at t_max, where Min-SNR's weight is
0.005; that a short training profits from more weight there is our reasoning, the two were not compared. The text
encoder learns with the UNet. Captions are drawn anew for every use of a scene; ten per cent are dropped for
classifier-free guidance.

The sky is most of a picture and a subject a tenth of it; errors inside the subject's box count more, but only at low noise
(the extra weight falls with alpha⁴). A weight that depends on where the subject *will* be moves the optimum to "a subject is
more often here"; at low noise the state says where it is, so there the weight is a function of the state and moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import Tensor, nn

from studio.core.denoiser import expand
from studio.core.method import Card, Method, MethodConfig, Streams, Trained
from studio.core.process import Gaussian
from studio.core.rng import rand, randint, randn

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel


class DenoisingConfig(MethodConfig):
    batch: int = Field(32, ge=1)
    lr: float = Field(8e-4, gt=0)
    drop: float = Field(0.1, ge=0, le=1, description="Share of captions replaced by the empty prompt")
    gamma: float = Field(5.0, gt=0, description="Cap of the weight of the error of x0")
    ema: float = Field(0.9995, ge=0, lt=1)
    subject: float = Field(
        3.0,
        ge=1,
        description="Weight of the error inside the subject's box at low noise, where the state says where it is",
    )


class TextConditioned(nn.Module):
    """UNet and text encoder as one network: (x_t [B, C, H, W], t [B], tokens [B, L]) -> F [B, C, H, W]."""

    def __init__(self, unet: UNet2DConditionModel, text: nn.Module):
        super().__init__()
        self.unet, self.text = unet, text

    def forward(self, x: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
        return self.unet(x, t, self.text(tokens)[0], return_dict=False)[0]


class CaptionedLatents:
    """Latents of scenes with several tokenised captions each, drawn once; flips are not used (positions have names)."""

    def __init__(self, latents: Tensor, tokens: Tensor, empty: Tensor, boxes: Tensor):
        self.latents, self.tokens, self.empty = latents, tokens, empty  # [N, C, H, W], [N, K, L], [L]
        self.boxes = boxes  # [N, 3]: centre x, centre y and side of the subject's box, fractions of the side

    def draw(self, n: int, drop: float, g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """(x0 [n, C, H, W] float32, tokens [n, L], boxes [n, 3])"""
        index = randint(len(self.latents), (n,), g)
        which = randint(self.tokens.shape[1], (n,), g)
        dropped = rand((n,), g) < drop
        tokens = torch.where(dropped[:, None], self.empty, self.tokens[index, which])
        return self.latents[index].float(), tokens, self.boxes[index]

    def to(self, device: str) -> CaptionedLatents:
        return CaptionedLatents(self.latents.to(device), self.tokens.to(device), self.empty.to(device), self.boxes.to(device))


def inside(boxes: Tensor, size: int) -> Tensor:
    """Share of each latent cell that the box covers, [N, 1, size, size], from boxes [N, 3] (see `CaptionedLatents`)."""
    edges = torch.arange(size + 1, device=boxes.device) / size

    def covered(centre: Tensor, side: Tensor) -> Tensor:
        low, high = (centre - side / 2)[:, None], (centre + side / 2)[:, None]
        return (torch.minimum(edges[1:], high) - torch.maximum(edges[:-1], low)).clamp_min(0) * size

    return (covered(boxes[:, 1], boxes[:, 2])[:, :, None] * covered(boxes[:, 0], boxes[:, 2])[:, None, :])[:, None]


class DenoisingTraining(Method[DenoisingConfig]):
    card = Card(
        title="Denoising (teacher from scratch)",
        paper="Salimans & Ho 2022; Hang et al. 2023",
        status="published recipe",
        good_for="a many-step teacher",
    )
    Config = DenoisingConfig

    def __init__(
        self,
        config: DenoisingConfig,
        streams: Streams,
        network: TextConditioned,
        process: Gaussian,
        data: CaptionedLatents,
    ):
        super().__init__(config, streams)
        self.network, self.process, self.data = network, process, data
        self.trained = {"teacher": Trained(network, config.lr, betas=(0.9, 0.99), weight_decay=1e-3, ema=config.ema)}

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.data.draw(self.config.batch, self.config.drop, self.streams["data"])

    def iteration(self, batch: tuple[Tensor, Tensor, Tensor], step: int) -> Iterator[tuple[str, Tensor]]:
        x0, tokens, boxes = batch
        n, g = len(x0), self.streams["time"]
        # stratified times: one in each of n equal intervals, which halves the variance of the loss over t
        u = (torch.arange(n, device=g.device) + rand((n,), g)) / n
        t = (u * (self.process.t_max + 1)).floor().clamp(max=self.process.t_max)
        alpha, sigma = self.process.alpha_sigma(t)
        eps = randn(x0.shape, self.streams["noise"])
        xt = expand(alpha, x0) * x0 + expand(sigma, x0) * eps
        v = expand(alpha, x0) * eps - expand(sigma, x0) * x0
        F = self.network(xt, t.float(), tokens).float()
        snr = (alpha / sigma) ** 2
        weight = (snr + 1).clamp(max=self.config.gamma) / (snr + 1)
        square = (F - v) ** 2
        where = inside(boxes, x0.shape[-1]) * (alpha**4).view(-1, 1, 1, 1).float()
        where = 1 + (self.config.subject - 1) * where
        error = (square * where / where.mean((2, 3), keepdim=True)).flatten(1).mean(1)
        self.log["v_mse"] = float(square.detach().mean())
        yield "teacher", (weight.float() * error).mean()
