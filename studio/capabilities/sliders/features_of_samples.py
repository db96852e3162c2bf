"""What a perceptual encoder sees in samples of a model without an oracle, with gradient. Worker side: imports torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.family import OpenModel
from studio.families.perceptual import VARIABLE, Reader, installed, open_reader


def seek_reader(model: OpenModel, device: str) -> Reader:
    """The perceptual encoder there is. ValueError in one sentence where none is on this machine."""
    found = installed()
    if found is None:
        raise ValueError(
            f"{model.id} has no oracle and no perceptual encoder is installed, so there are no features to find directions in; "
            f"a DINOv2 or CLIP folder named in ${VARIABLE} would fit, or a text slider."
        )
    return open_reader(*found, device)


def sight(model: OpenModel, reader: Reader) -> Callable[[Tensor, Cond], Tensor]:
    """What an encoder sees in latents [B, *shape]: features [B, D] of unit length, as `Reader.read` gives them, with gradient."""

    def see(latents: Tensor, cond: Cond) -> Tensor:
        mean, std = (torch.tensor(of, device=latents.device).view(1, 3, 1, 1) for of in (reader.mean, reader.std))
        size = (reader.side, reader.side)
        small = torch.nn.functional.interpolate(
            model.decode_with_gradient(latents, cond), size=size, mode="bicubic", antialias=True
        ).clamp(0, 1)
        out = reader.network(pixel_values=(small - mean) / std)
        features = getattr(out, "image_embeds", None)  # CLIP's shared space where there is its projection
        return torch.nn.functional.normalize((out.pooler_output if features is None else features).float(), dim=-1)

    return see
