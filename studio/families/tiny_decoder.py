"""Small autoencoders that draw previews (TAESD and its like, github.com/madebyollin/taesd): diffusers' AutoencoderTiny.

They take latents as the network has them, so of their own config nothing but scale 1 and no shift is left to undo; the mean,
scale and shift of the full autoencoder are not asked. No torch until one is opened.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.files import Json, read_json

if TYPE_CHECKING:
    import torch
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
    from torch import Tensor

CLASS, FIRST = "AutoencoderTiny", "decoder.layers.0.weight"
LEVELS = 4  # of what diffusers builds unless a config says otherwise: 8 pixels a side of a position
MAX_HEADER = 1 << 24


class Misfit(ValueError):
    """Why something is no tiny decoder, to stand behind a colon."""


@dataclass(eq=False)
class TinyDecoder:
    """Latents [B, C, h, w] -> pictures [B, 3, H, W], float32 in [0, 1]."""

    vae: AutoencoderTiny

    def decode(self, latents: Tensor) -> Tensor:
        import torch

        from studio.families import autoencoder

        like = next(self.vae.parameters())
        with torch.inference_mode():
            return autoencoder.decoded(self.vae, latents.to(like.device, torch.float32))


def misfit(place: Path, shape: Sequence[int], sample_shape: Sequence[int]) -> str:
    """Why a folder or .safetensors file draws no previews of a model with latents and samples of these shapes, to stand behind
    a colon; "" where it does."""
    try:
        config = _config(place)
        channels, levels = int(config.get("latent_channels", 4)), len(config.get("decoder_block_out_channels", [0] * LEVELS))
    except Misfit as error:
        return str(error)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return "it is damaged"
    pixels = 2 ** (levels - 1)
    if channels != shape[0]:
        return f"it takes latents of {channels} channels and the model has {shape[0]}"
    if pixels * shape[-1] != sample_shape[-1]:
        return f"it draws {pixels} pixels a side of a position and the model {sample_shape[-1] // shape[-1]}"
    return ""


def open_tiny(place: Path, device: str, dtype: torch.dtype) -> TinyDecoder:
    """What `misfit` found nothing against. ValueError in one sentence where its weights do not fit its shape."""
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

    if place.is_dir():
        vae = AutoencoderTiny.from_pretrained(place, local_files_only=True, use_safetensors=True)
    else:
        from safetensors.torch import load_file

        vae = AutoencoderTiny.from_config(_config(place))
        try:
            vae.load_state_dict(load_file(place))
        except RuntimeError as error:
            raise ValueError(
                f"{place.name} has not the layers of an AutoencoderTiny; its folder with a config would fit."
            ) from error
    vae = vae.to(device=device, dtype=dtype).eval().requires_grad_(False)
    return TinyDecoder(vae)


def _config(place: Path) -> Json:
    """As diffusers has it."""
    if place.is_dir():
        config = read_json(place / "config.json")
        if config is None or config.get("_class_name") != CLASS:
            found = "no config.json" if config is None else f"the class {str(config.get('_class_name'))[:40]}"
            raise Misfit(f"it has {found}; a folder of an {CLASS} of diffusers would fit")
        return config
    if not place.is_file():
        raise Misfit("it is not there")
    with open(place, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(min(length, MAX_HEADER)))
    if FIRST not in header:
        raise Misfit(f"its weights do not have the names of diffusers' {CLASS}; a folder or file of one would fit")
    width, channels = (int(n) for n in header[FIRST]["shape"][:2])
    return {
        "latent_channels": channels,
        "encoder_block_out_channels": [width] * LEVELS,
        "decoder_block_out_channels": [width] * LEVELS,
    }
