"""Samples into latents and back, scaled as the denoiser sees them. Latents [B, C, h, w]; pictures [B, 3, H, W] in [0, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

if TYPE_CHECKING:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

    Autoencoder = AutoencoderKL | AutoencoderTiny

PIXELS_AT_ONCE = 8 * 512 * 512  # keeps the decoder's activations of one call in bounds
SMALL, PIXELS_KEPT = 128, 256 * 128 * 128  # pixels of a side; of a call whose activations are kept for a gradient


def unscaled(vae: Autoencoder, latents: Tensor) -> Tensor:
    """Latents as the decoder takes them."""
    mean, std = _statistics(vae, latents)
    z = latents * (1.0 if std is None else std) / vae.config["scaling_factor"]
    return z + _shift(vae) + (0.0 if mean is None else mean)


def decoded(vae: Autoencoder, latents: Tensor) -> Tensor:
    """Pictures of float32 latents, in calls of `at_once`."""
    dtype = next(vae.parameters()).dtype
    parts = [
        vae.decode(part.to(dtype), return_dict=False)[0].float() for part in unscaled(vae, latents).split(at_once(vae, latents))
    ]
    return (torch.cat(parts) * 0.5 + 0.5).clamp(0, 1)


def decoded_with_gradient(vae: Autoencoder, latents: Tensor, at_once: int) -> Tensor:
    """The same with gradient. More than `at_once` are decoded one by one, their activations computed twice and not kept:
    at the size of real models those of a batch would not fit."""
    like, z = next(vae.parameters()), unscaled(vae, latents)

    def decode(part: Tensor) -> Tensor:
        found: Tensor = vae.decode(part.to(like), return_dict=False)[0]
        return found

    if len(z) <= at_once:
        pictures = decode(z)
    elif torch.is_grad_enabled():
        pictures = torch.cat([checkpoint(decode, part, use_reentrant=False) for part in z.split(1)])
    else:
        pictures = torch.cat([decode(part) for part in z.split(1)])
    return (pictures.to(latents.dtype) * 0.5 + 0.5).clamp(0, 1)


@torch.no_grad()
def encoded(vae: Autoencoder, pictures: Tensor) -> Tensor:
    """Latents, float32: the mean of the encoder's distribution; the inverse of `decoded`."""
    out = vae.encode(pictures.to(next(vae.parameters())) * 2 - 1)
    z = (out.latents if hasattr(out, "latents") else out.latent_dist.mean).float()
    mean, std = _statistics(vae, z)
    centred = z - _shift(vae) - (0.0 if mean is None else mean)
    return centred * vae.config["scaling_factor"] / (1.0 if std is None else std)


def at_once(vae: Autoencoder, latents: Tensor) -> int:
    """Samples of one call of the decoder, by the size of these latents."""
    blocks = vae.config.get("block_out_channels") or vae.config["encoder_block_out_channels"]
    return max(1, PIXELS_AT_ONCE // (latents.shape[-1] * latents.shape[-2] * 4 ** (len(blocks) - 1)))


def kept_at_once(side: int) -> int:
    """Samples whose activations are kept for a gradient: of models that draw large pictures those of one."""
    return max(1, PIXELS_KEPT // side**2) if side <= SMALL else 1


def _shift(vae: Autoencoder) -> float:
    """What is taken from latents before they are scaled (SD3, Flux); 0 where the autoencoder names none."""
    return float(vae.config.get("shift_factor") or 0.0)


def _statistics(vae: Autoencoder, like: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """(mean, standard deviation) of the latents by channel, where the autoencoder keeps them."""
    kept = (vae.config.get(f"latents_{name}") for name in ("mean", "std"))
    mean, std = (torch.tensor(of).view(1, -1, *[1] * (like.ndim - 2)).to(like) if of else None for of in kept)
    return mean, std
