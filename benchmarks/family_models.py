"""A pipeline of every family to be timed: small ones with random weights, and networks of true size filled on a device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks import true_sizes
from tests.support import tiny_models, tiny_transformers

TITLES = {
    "sd1": "SD 1.x, ε",
    "sd2": "SD 2.x, v",
    "sdxl": "SDXL",
    "sd3": "SD3",
    "flux": "Flux (schnell)",
    "pixart": "PixArt-α",
}
TRUE = {"sd1": "sd15", "sd2": "sd21", "sdxl": "sdxl", "sd3": "sd3", "flux": "flux-schnell", "pixart": "pixart"}
SIDE = 16  # latent positions of a side of the small ones
LEVELS = (64, 128)  # channels of the small UNets
TRAILING = {"timestep_spacing": "trailing", "set_alpha_to_one": True}
DEVIATION = 0.02  # of random weights at true size: nothing overflows in bfloat16


def _sd(prediction: str) -> Callable[[Path], Any]:
    def make(folder: Path) -> Any:
        more = {"sample_size": SIDE, "block_out_channels": LEVELS, "norm_num_groups": 32, "attention_head_dim": 4}
        pipe = tiny_models.sd_pipeline(folder, prediction=prediction, **more)
        pipe.scheduler = tiny_models.scheduler(prediction, **TRAILING)
        return pipe

    return make


def _sdxl(folder: Path) -> Any:
    from diffusers import UNet2DConditionModel

    pipe = tiny_models.sdxl_pipeline(folder)
    more = {"sample_size": SIDE, "block_out_channels": LEVELS, "norm_num_groups": 32, "attention_head_dim": (4, 8)}
    pipe.register_modules(unet=UNet2DConditionModel.from_config({**pipe.unet.config, **more}).eval())
    pipe.scheduler = tiny_models.scheduler(**TRAILING)
    return pipe


def _sd3(folder: Path) -> Any:
    more = {"sample_size": SIDE, "pos_embed_max_size": SIDE, "num_layers": 4, "attention_head_dim": 32}
    return tiny_transformers.sd3_pipeline(folder, caption_projection_dim=128, **more)


def _flux(folder: Path) -> Any:
    more = {"num_layers": 1, "num_single_layers": 2, "attention_head_dim": 32, "axes_dims_rope": (8, 12, 12)}
    pipe = tiny_transformers.flux_pipeline(folder, num_attention_heads=4, **more)
    pipe.vae.register_to_config(sample_size=2 * SIDE)
    return pipe


def _pixart(folder: Path) -> Any:
    more = {"sample_size": SIDE, "num_layers": 4, "attention_head_dim": 32, "num_attention_heads": 4, "cross_attention_dim": 128}
    pipe = tiny_transformers.pixart_pipeline(folder, **more)
    pipe.vae.register_to_config(shift_factor=None)  # the pipeline leaves a shift out; the released autoencoder has none
    return pipe


SMALL: dict[str, Callable[[Path], Any]] = {
    "sd1": _sd("epsilon"),
    "sd2": _sd("v_prediction"),
    "sdxl": _sdxl,
    "sd3": _sd3,
    "flux": _flux,
    "pixart": _pixart,
}


def small(name: str, folder: Path) -> Any:
    """A pipeline with random weights, which lies in `folder` as diffusers saves it."""
    pipe = SMALL[name](folder / "words")
    pipe.save_pretrained(folder / "model")
    pipe.set_progress_bar_config(disable=True)
    return pipe


def true_size(name: str, device: str) -> dict[str, nn.Module]:
    """Network and autoencoder of a published model in bfloat16, random, on a device; its text encoders are left out."""
    parts = true_sizes.parts_of(TRUE[name])
    kept = {part: network for part, network in parts.items() if not part.startswith("text_encoder")}
    return {part: filled(network, device) for part, network in kept.items()}


def filled(network: nn.Module, device: str) -> nn.Module:
    """A network that was built on the meta device, with random weights."""
    network = network.to(torch.bfloat16).to_empty(device=device).eval().requires_grad_(False)
    torch.manual_seed(0)
    for module in network.modules():
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()  # norms are ones
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        if tensor.ndim > 1:
            tensor.normal_(std=DEVIATION)
        elif name.endswith("bias") or "norm" not in name:
            tensor.zero_()
    return network
