"""Training of the small autoencoder (diffusers' AutoencoderTiny) on random crops.

Loss: absolute and squared error + absolute error of image gradients (edges, which flat drawings live by) + a pull of every latent
channel to mean 0 and variance 1, so that the diffusion model meets unit-variance latents with ``scaling_factor`` 1.
A little noise on the latents makes the decoder forgiving of what a diffusion model gets slightly wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from studio.core.method import Card, Method, MethodConfig, Streams, Trained
from studio.core.rng import rand, randint, randn
from studio.domains.pocket.dataset import SceneSet

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny


class AutoencoderConfig(MethodConfig):
    batch: int = Field(16, ge=1)
    crop: int = Field(64, ge=8, description="Side of the training crops in pixels")
    lr: float = Field(1e-3, gt=0)
    square: float = Field(
        5.0, ge=0, description="Weight of the squared error; absolute error alone leaves small subjects blurred"
    )
    edge: float = Field(1.0, ge=0, description="Weight of the gradient term")
    latent_noise: float = Field(0.05, ge=0, description="Standard deviation of noise added to latents before decoding")
    whiten: float = Field(0.01, ge=0, description="Weight of the pull to unit-variance latents")


def gradients(x: Tensor) -> tuple[Tensor, Tensor]:
    """Horizontal and vertical finite differences of [B, C, H, W]."""
    return x[..., :, 1:] - x[..., :, :-1], x[..., 1:, :] - x[..., :-1, :]


class AutoencoderTraining(Method[AutoencoderConfig]):
    card = Card(
        title="Autoencoder",
        paper="architecture of TAESD (Boer Bohan), loss our own",
        status="our formulation",
        good_for="8× smaller latents of flat drawings",
    )
    Config = AutoencoderConfig

    def __init__(self, config: AutoencoderConfig, streams: Streams, vae: AutoencoderTiny, data: SceneSet):
        super().__init__(config, streams)
        self.vae = vae
        # [N, H, W, 3] uint8: memory-mapped beside a CPU, resident on a GPU (2 GB for 40,000 scenes of 128 px)
        self.pixels = torch.from_numpy(np.asarray(data.pixels) if streams.device == "cpu" else np.array(data.pixels)).to(
            streams.device
        )
        self.trained = {"vae": Trained(vae, config.lr, betas=(0.9, 0.99), ema=0.998)}

    def batch(self) -> Tensor:
        """float [B, 3, crop, crop] in [0, 1]"""
        c, g = self.config, self.streams["data"]
        crop = min(c.crop, self.pixels.shape[1])
        index = randint(len(self.pixels), (c.batch,), g)
        corner = randint(self.pixels.shape[1] - crop + 1, (c.batch, 2), g)
        span = corner[..., None] + torch.arange(crop, device=g.device)  # [B, 2, crop]: rows and columns
        x = self.pixels[index[:, None, None], span[:, 0, :, None], span[:, 1, None, :]].permute(0, 3, 1, 2).float().div_(255)
        flip = rand((c.batch,), g) < 0.5
        return torch.where(flip.view(-1, 1, 1, 1), x.flip(3), x).contiguous(memory_format=torch.channels_last)

    def iteration(self, batch: Tensor, step: int) -> Iterator[tuple[str, Tensor]]:
        c = self.config
        x = batch * 2 - 1  # the module's own range, as pipelines use it
        z = self.vae.encode(x).latents
        noisy = z + c.latent_noise * randn(z.shape, self.streams["noise"])
        y = self.vae.decode(noisy).sample.float()
        error = (y - x).abs().mean() + c.square * ((y - x) ** 2).mean()
        edges = torch.stack([(a - b).abs().mean() for a, b in zip(gradients(y), gradients(x), strict=True)]).sum()
        flat = z.float().transpose(0, 1).flatten(1)
        mean, var = flat.mean(1), flat.var(1)
        white = (mean**2).mean() + (torch.log(var + 1e-6) ** 2).mean()
        mse = float(((y.detach().clamp(-1, 1) - x) ** 2).mean()) / 4
        self.log.update(
            psnr=-10 * torch.log10(torch.tensor(mse + 1e-12)).item(),
            white=float(white.detach()),
            error=float(error.detach()),
        )
        yield "vae", error + c.edge * edges + c.whiten * white
