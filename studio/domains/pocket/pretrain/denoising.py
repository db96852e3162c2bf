"""Training of a text-to-image teacher from scratch in latent space.

v-prediction (Salimans & Ho 2022, Progressive Distillation, appendix D). The squared error of v is that of x0 times
SNR + 1; this factor is capped (Hang et al. 2023, Min-SNR, cap x0's weight at gamma), but unlike there it stays 1 at
high noise: min(SNR + 1, gamma) / (SNR + 1). Few-step students decide the picture at t_max, where Min-SNR's weight is
0.005; that a short training profits from more weight there is our reasoning, the two were not compared. The text
encoder learns with the UNet. Captions are drawn anew for every use of a scene; ten per cent are dropped for
classifier-free guidance.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor, nn

from studio.core.denoiser import expand
from studio.core.method import Card, Method, MethodConfig, Streams, Trained
from studio.core.process import Process
from studio.core.rng import rand, randint, randn


class DenoisingConfig(MethodConfig):
    batch: int = Field(32, ge=1)
    lr: float = Field(8e-4, gt=0)
    drop: float = Field(0.1, ge=0, le=1, description="Share of captions replaced by the empty prompt")
    gamma: float = Field(5.0, gt=0, description="Cap of the weight of the error of x0")
    ema: float = Field(0.9995, ge=0, lt=1)


class TextConditioned(nn.Module):
    """UNet and text encoder as one network: (x_t [B, C, H, W], t [B], tokens [B, L]) -> F [B, C, H, W]."""

    def __init__(self, unet: nn.Module, text: nn.Module):
        super().__init__()
        self.unet, self.text = unet, text

    def forward(self, x: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
        return self.unet(x, t, self.text(tokens)[0], return_dict=False)[0]


class CaptionedLatents:
    """Latents of scenes with several tokenised captions each, drawn once; flips are not used (positions have names)."""

    def __init__(self, latents: Tensor, tokens: Tensor, empty: Tensor):
        self.latents, self.tokens, self.empty = latents, tokens, empty  # [N, C, H, W], [N, K, L], [L]

    def draw(self, n: int, drop: float, g: torch.Generator) -> tuple[Tensor, Tensor]:
        """(x0 [n, C, H, W] float32, tokens [n, L])"""
        index = randint(len(self.latents), (n,), g)
        which = randint(self.tokens.shape[1], (n,), g)
        dropped = rand((n,), g) < drop
        tokens = torch.where(dropped[:, None], self.empty, self.tokens[index, which])
        return self.latents[index].float(), tokens

    def to(self, device: str) -> CaptionedLatents:
        return CaptionedLatents(self.latents.to(device), self.tokens.to(device), self.empty.to(device))


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
        process: Process,
        data: CaptionedLatents,
    ):
        super().__init__(config, streams)
        self.network, self.process, self.data = network, process, data
        self.trained = {"teacher": Trained(network, config.lr, betas=(0.9, 0.99), weight_decay=1e-3, ema=config.ema)}

    def batch(self) -> tuple[Tensor, Tensor]:
        return self.data.draw(self.config.batch, self.config.drop, self.streams["data"])

    def iteration(self, batch: tuple[Tensor, Tensor], step: int) -> Iterator[tuple[str, Tensor]]:
        x0, tokens = batch
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
        error = ((F - v) ** 2).flatten(1).mean(1)
        self.log["v_mse"] = float(error.detach().mean())
        yield "teacher", (weight.float() * error).mean()


# Training captions state a free factor three times as often as the world's own, so that the rare words are seen often
# enough to be learned. Whether a factor is stated does not depend on its value, so nothing is biased.
TRAINING_FREE_RATE = 0.35
