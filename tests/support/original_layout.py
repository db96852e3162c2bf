"""Networks of diffusers and transformers as the original code calls their weights, layer by layer from the names: the way back
from what the program reads. The names are those of LDM (CompVis, Stability) and OpenCLIP."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from studio.families.stable.original.shipped import LAYOUTS

Weights = dict[str, Tensor]
Shapes = dict[str, tuple[int, ...]]
TEXT = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
          "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}  # fmt: skip
OUTSIDE = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0",
           "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2", "conv_norm_out": "out.0",
           "conv_out": "out.2"}  # fmt: skip
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
OPEN_CLIP = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
             "self_attn.out_proj": "attn.out_proj"}  # fmt: skip


def of_unet(unet: Any) -> Weights:
    """Names behind `model.diffusion_model.`."""
    layers, crossed = unet.config.layers_per_block, [kind.startswith("Cross") for kind in unet.config.up_block_types]

    return _renamed(unet, lambda path: _in_unet(path, layers, crossed))


def _in_unet(path: str, layers: int, crossed: Sequence[bool]) -> str:
    """crossed: of every stage on the way up, whether it reads text."""
    if path in OUTSIDE:
        return OUTSIDE[path]
    side, b, kind, i, rest = re.fullmatch(r"(\w+?)_blocks?\.?(\d*)\.(\w+)\.(\d+)\.(.+)", path).groups()  # type: ignore[union-attr]
    rest = RESNET[rest] if kind == "resnets" else rest
    if side == "mid":
        return f"middle_block.{1 if kind == 'attentions' else 2 * int(i)}.{rest}"
    first = int(b) * (layers + 1)
    if kind == "downsamplers":
        return f"input_blocks.{first + layers + 1}.0.op"
    if kind == "upsamplers":
        return f"output_blocks.{first + layers}.{1 + crossed[int(b)]}.conv"
    at = f"input_blocks.{first + 1 + int(i)}" if side == "down" else f"output_blocks.{first + int(i)}"
    return f"{at}.{1 if kind == 'attentions' else 0}.{rest}"


def of_control(control: Any) -> Weights:
    """Names behind `control_model.`, of a diffusers ControlNetModel: its encoder's as a UNet's, and its own."""
    last = 2 * (2 * (len(control.config.conditioning_embedding_out_channels) - 1) + 1)
    own = {"controlnet_cond_embedding.conv_in": "input_hint_block.0", "controlnet_mid_block": "middle_block_out.0",
           "controlnet_cond_embedding.conv_out": f"input_hint_block.{last}"}  # fmt: skip

    def name(path: str) -> str:
        if path.startswith("controlnet_down_blocks."):
            return f"zero_convs.{path.split('.')[1]}.0"
        if path.startswith("controlnet_cond_embedding.blocks."):
            return f"input_hint_block.{2 * int(path.split('.')[2]) + 2}"
        return own.get(path) or _in_unet(path, control.config.layers_per_block, [])

    return _renamed(control, name)


def of_vae(vae: Any) -> Weights:
    """Names behind `first_stage_model.`. Attention is of 1 × 1 convolutions there."""
    stages = len(vae.config.block_out_channels)

    def name(path: str) -> str:
        path = path.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
        path = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", path)
        path = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", path)
        path = re.sub(r"up_blocks\.(\d+)\.resnets", lambda m: f"up.{stages - 1 - int(m[1])}.block", path)
        path = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda m: f"up.{stages - 1 - int(m[1])}.upsample", path)
        path = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", path)
        found = re.fullmatch(r"(\w+)\.mid_block\.attentions\.0\.(.+)", path)
        return f"{found[1]}.mid.attn_1.{ATTENTION[found[2]]}" if found else path

    weights = _renamed(vae, name)
    convolved = {n: t[:, :, None, None] for n, t in weights.items() if ".attn_1." in n and t.ndim == 2}
    return {**weights, **convolved}


def of_clip(encoder: nn.Module) -> Weights:
    """Names behind `….transformer.`, with the positions that older files hold."""
    found = _plain(encoder)
    positions = torch.arange(found["embeddings.position_embedding.weight"].shape[0])[None]
    return {**{f"text_model.{n}": t for n, t in found.items()}, "text_model.embeddings.position_ids": positions}


def of_open_clip(encoder: nn.Module, unused_layers: int = 0) -> Weights:
    """Names behind `….model.`. unused_layers: behind those that are read, as in the files of Stable Diffusion 2."""
    found, out = _plain(encoder), {"logit_scale": torch.tensor(1.0)}
    layers = 1 + max(int(n.split(".")[2]) for n in found if n.startswith("encoder.layers."))
    for name, tensor in found.items():
        layer, _, kind = name.removeprefix("encoder.layers.").rpartition(".")
        i, _, inner = layer.partition(".")
        if name.startswith("encoder.layers.") and inner in OPEN_CLIP:
            out[f"transformer.resblocks.{i}.{OPEN_CLIP[inner]}.{kind}"] = tensor
    for i in range(layers):
        for kind in ("weight", "bias"):
            rows = [found[f"encoder.layers.{i}.self_attn.{x}_proj.{kind}"] for x in "qkv"]
            out[f"transformer.resblocks.{i}.attn.in_proj_{kind}"] = torch.cat(rows)
    for i in range(unused_layers):
        last = f"transformer.resblocks.{layers - 1}."
        out |= {n.replace(last, f"transformer.resblocks.{layers + i}."): t for n, t in out.items() if n.startswith(last)}
    width = found["final_layer_norm.weight"].shape[0]
    projection = found.get("text_projection.weight", torch.zeros(width, width, device=found["final_layer_norm.weight"].device))
    return out | {
        "token_embedding.weight": found["embeddings.token_embedding.weight"],
        "positional_embedding": found["embeddings.position_embedding.weight"],
        "ln_final.weight": found["final_layer_norm.weight"],
        "ln_final.bias": found["final_layer_norm.bias"],
        "text_projection": projection.T,
    }


def of_pipeline(pipe: Any, layout: str) -> Weights:
    """All of a checkpoint, and what such files hold besides: the schedule, moving averages."""
    out = _under("model.diffusion_model.", of_unet(pipe.unet)) | _under("first_stage_model.", of_vae(pipe.vae))
    if layout == "sd1":
        out |= _under("cond_stage_model.transformer.", of_clip(pipe.text_encoder))
    elif layout == "sdxl":
        out |= _under("conditioner.embedders.0.transformer.", of_clip(pipe.text_encoder))
        out |= _under("conditioner.embedders.1.model.", of_open_clip(pipe.text_encoder_2))
    else:
        out |= _under("cond_stage_model.model.", of_open_clip(pipe.text_encoder, unused_layers=1))
    return out | {"alphas_cumprod": torch.linspace(1, 0, 1000), "model_ema.decay": torch.tensor(0.9999)}


def write(path: Path, weights: Mapping[str, Tensor], dtype: torch.dtype | None = None, **strings: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {n: (t.to(dtype) if dtype and t.is_floating_point() else t).detach().clone().contiguous() for n, t in weights.items()}
    save_file(kept, path, {"format": "pt", **strings})
    return path


def true_shapes(layout: str) -> Shapes:
    """Of the true checkpoint's weights: its networks as they are configured, on the meta device."""
    here = LAYOUTS / layout
    with torch.device("meta"):
        parts = {
            "unet": UNet2DConditionModel.from_config(json.loads((here / "unet" / "config.json").read_text())),
            "vae": AutoencoderKL.from_config(json.loads((here / "vae" / "config.json").read_text())),
            **{p: cls(CLIPTextConfig.from_pretrained(here / p)) for p, cls in TEXT.items() if (here / p).is_dir()},
        }
        return {name: tuple(t.shape) for name, t in of_pipeline(SimpleNamespace(**parts), layout).items()}


def write_header(path: Path, shapes: Mapping[str, tuple[int, ...]], **strings: str) -> Path:
    """A file that is as long as one in half precision, of holes: its header alone is on the disk."""
    header: dict[str, Any] = {"__metadata__": strings} if strings else {}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * int(torch.Size(shape).numel())
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    return path


def layout_of(saved: Path, layouts: Path, name: str) -> Path:
    """The configs of a folder that diffusers wrote, as if they were shipped for a layout; returns the folder of layouts."""
    shutil.copytree(saved, layouts / name, ignore=shutil.ignore_patterns("*.safetensors"))
    return layouts


def _renamed(module: nn.Module, name: Callable[[str], str]) -> Weights:
    out = {}
    for path, tensor in module.state_dict().items():
        layer, _, kind = path.rpartition(".")
        out[f"{name(layer)}.{kind}"] = tensor
    return out


def _plain(encoder: nn.Module) -> Weights:
    """transformers' names without `text_model.`, which its versions write or not."""
    return {name.removeprefix("text_model."): tensor for name, tensor in encoder.state_dict().items()}


def _under(prefix: str, weights: Weights) -> Weights:
    return {f"{prefix}{name}": tensor for name, tensor in weights.items()}
