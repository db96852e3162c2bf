"""Folders of published models at their true size, of configs and headers alone: what is read of weights here is their shapes.

The networks are built on the meta device from their configs, and a file of holes with their header is written for each, so that
a folder takes a few megabytes. Where the configs come from:

- Stable Diffusion 1.5, 2.1 and SDXL: the ones that are shipped for checkpoints in one file (`families/stable/layouts`).
- Flux: the defaults of diffusers' FluxTransformer2DModel, with `guidance_embeds` for dev; PixArt-α: those of
  PixArtTransformer2DModel with T5's width as `caption_channels`; SD3: those of SD3Transformer2DModel.
- Stable Diffusion 3.5 large: the same with a depth and as many heads of 64 as 38, so a width of 2432, and normalised queries
  and keys (its reference code, github.com/Stability-AI/sd3.5).
- Their text encoders: CLIP-L and bigG as shipped for SDXL; T5 v1.1 XXL's encoder (width 4096, feed-forward 10240, 24 layers,
  64 heads). Their autoencoder: SDXL's with 16 channels and no convolutions around the latents (Flux's vae/config.json).
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from studio.families.stable.original.shipped import LAYOUTS

T5 = {"d_model": 4096, "d_ff": 10240, "d_kv": 64, "num_layers": 24, "num_heads": 64, "feed_forward_proj": "gated-gelu"}
LARGE = {"num_layers": 38, "num_attention_heads": 38, "caption_projection_dim": 2432, "qk_norm": "rms_norm"}
Parts = dict[str, nn.Module]


def _shipped(layout: str) -> Callable[[], Parts]:
    def build() -> Parts:
        from diffusers import AutoencoderKL, UNet2DConditionModel

        read = {part: json.loads((LAYOUTS / layout / part / "config.json").read_text()) for part in ("unet", "vae")}
        parts: Parts = {"unet": UNet2DConditionModel.from_config(read["unet"]), "vae": AutoencoderKL.from_config(read["vae"])}
        return parts | {path.name: _clip(path) for path in sorted((LAYOUTS / layout).glob("text_encoder*"))}

    return build


def _clip(path: Path, projecting: bool | None = None) -> nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    projecting = path.name.endswith("_2") if projecting is None else projecting
    network: nn.Module = (CLIPTextModelWithProjection if projecting else CLIPTextModel)(CLIPTextConfig.from_pretrained(path))
    return network


def _t5() -> nn.Module:
    from transformers import T5Config, T5EncoderModel

    network: nn.Module = T5EncoderModel(T5Config(**T5))
    return network


def _vae(channels: int) -> nn.Module:
    from diffusers import AutoencoderKL

    read = json.loads((LAYOUTS / "sdxl" / "vae" / "config.json").read_text())
    more = {"latent_channels": 16, "use_quant_conv": False, "use_post_quant_conv": False} if channels == 16 else {}
    network: nn.Module = AutoencoderKL.from_config({**read, **more})
    return network


def _sd3(**more: Any) -> Callable[[], Parts]:
    def build() -> Parts:
        from diffusers import SD3Transformer2DModel

        clips = [_clip(LAYOUTS / "sdxl" / part, projecting=True) for part in ("text_encoder", "text_encoder_2")]
        return {"transformer": SD3Transformer2DModel(**more), "vae": _vae(16), "text_encoder": clips[0],
                "text_encoder_2": clips[1], "text_encoder_3": _t5()}  # fmt: skip

    return build


def _flux(dev: bool) -> Callable[[], Parts]:
    def build() -> Parts:
        from diffusers import FluxTransformer2DModel

        network = FluxTransformer2DModel(guidance_embeds=dev)
        clip = _clip(LAYOUTS / "sdxl" / "text_encoder")
        return {"transformer": network, "vae": _vae(16), "text_encoder": clip, "text_encoder_2": _t5()}

    return build


def _pixart() -> Parts:
    from diffusers import PixArtTransformer2DModel

    return {"transformer": PixArtTransformer2DModel(caption_channels=4096), "vae": _vae(4), "text_encoder": _t5()}


MODELS: dict[str, tuple[str, Callable[[], Parts]]] = {  # pipeline, parts
    "sd15": ("StableDiffusionPipeline", _shipped("sd1")),
    "sd21": ("StableDiffusionPipeline", _shipped("sd2-v")),
    "sdxl": ("StableDiffusionXLPipeline", _shipped("sdxl")),
    "sd3": ("StableDiffusion3Pipeline", _sd3()),
    "sd35-large": ("StableDiffusion3Pipeline", _sd3(**LARGE)),
    "flux-dev": ("FluxPipeline", _flux(dev=True)),
    "flux-schnell": ("FluxPipeline", _flux(dev=False)),
    "pixart": ("PixArtAlphaPipeline", _pixart),
}


def parts_of(model: str) -> Parts:
    """Its networks, on the meta device."""
    with torch.device("meta"):
        return MODELS[model][1]()


def write(folder: Path, model: str, parts: Mapping[str, nn.Module] | None = None) -> Path:
    """The folder of a model. parts: its networks where they are built already."""
    pipeline, build = MODELS[model][0], parts_of(model) if parts is None else parts
    folder.mkdir(parents=True)
    index = {part: ["transformers" if part.startswith("text") else "diffusers", type(it).__name__] for part, it in build.items()}
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline, **index}))
    for part, network in build.items():
        _write_part(folder / part, network)
    return folder


def _write_part(folder: Path, network: nn.Module) -> None:
    folder.mkdir()
    config: Any = network.config
    said = dict(config) if isinstance(config, Mapping) else config.to_dict()
    (folder / "config.json").write_text(json.dumps(said, default=str))
    write_header(folder / "model.safetensors", {name: tuple(t.shape) for name, t in network.state_dict().items()})


def student(folder: Path, base: Path, own: Mapping[str, nn.Module] | None = None, lora_bytes: int = 0) -> Path:
    """A student beside its base: every part is the base's file but its own, and a LoRA of so many bytes in half precision."""
    shutil.copytree(base, folder, copy_function=os.link)
    for part, network in (own or {}).items():
        shutil.rmtree(folder / part)
        _write_part(folder / part, network)
    if lora_bytes:
        (folder / "lora").mkdir()
        write_header(folder / "lora" / "pytorch_lora_weights.safetensors", {"all": (lora_bytes // 2,)})
    return folder


def write_header(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> Path:
    """A file as long as one in half precision, of holes: its header alone is on the disk."""
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    return path
