"""Folders of diffusers pipelines: read into networks, written, and tidied. Tokenizers as training uses them."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from studio.core.trainer import computes_in_bf16
from studio.core.weights import channels_last, forget_places, opens_in_float32, system_errors

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from diffusers.schedulers.scheduling_utils import SchedulerMixin
    from transformers import PreTrainedTokenizerBase

    from studio.families.stable.parts import Autoencoder


M = TypeVar("M", bound=nn.Module)


def for_training(unet: UNet2DConditionModel, device: str = "cpu") -> UNet2DConditionModel:
    """Layout and attention that train fastest.

    On CPUs plain matrix attention, because fused attention's backward was four times slower; channels-last weights
    where arithmetic is bf16 (in fp32 on AVX2 they made a training step 17 % slower).
    """
    from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0

    unet.set_attn_processor(AttnProcessor() if device == "cpu" else AttnProcessor2_0())
    nn.Module.to(unet, device)
    return channels_last(unet) if computes_in_bf16(device) else unet


def tokenize(tokenizer: PreTrainedTokenizerBase, captions: Sequence[str]) -> Tensor:
    """int64 [N, tokenizer.model_max_length], padded and cut as diffusers pipelines do it."""
    how = {"padding": "max_length", "max_length": tokenizer.model_max_length, "truncation": True}
    ids: Tensor = tokenizer(list(captions), **how, return_tensors="pt").input_ids
    return ids


def load_into(network: nn.Module, folder: Path) -> None:
    """Load the UNet and text encoder of a saved pipeline into a `denoising.TextConditioned`."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel

    unet = UNet2DConditionModel.from_pretrained(folder / "unet", dtype=torch.float32)
    text = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
    network.get_submodule("unet").load_state_dict(unet.state_dict())
    network.get_submodule("text").load_state_dict(text.state_dict())


def save_pipeline(
    folder: Path,
    tokenizer: PreTrainedTokenizerBase,
    text: nn.Module,
    unet: UNet2DConditionModel,
    scheduler: SchedulerMixin,
    vae: Autoencoder,
) -> None:
    """Write the folder; live modules are left in the precision they had."""
    from diffusers import StableDiffusionPipeline
    from diffusers.models.attention_processor import AttnProcessor2_0

    half = _halved(unet)
    half.set_attn_processor(AttnProcessor2_0())
    pipeline = StableDiffusionPipeline(
        vae=_halved(vae),
        text_encoder=_halved(text),
        tokenizer=tokenizer,
        unet=half,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    with system_errors():
        pipeline.save_pretrained(folder, safe_serialization=True)  # type: ignore[attr-defined]
    tidy(folder)


def _halved(module: M) -> M:
    """A copy in half precision on the CPU."""
    halved: M = copy.deepcopy(module).to("cpu", torch.float16, memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return halved


def tidy(folder: Path) -> None:
    """Take out of every config what is about this machine or how weights are stored, and what AutoencoderTiny does not accept."""
    forget_places(folder)
    for path in folder.rglob("config.json"):
        config = json.loads(path.read_text())
        if config.get("_class_name") == "AutoencoderTiny" and config.pop("block_out_channels", None) is not None:
            path.write_text(json.dumps(config, indent=2) + "\n")
    opens_in_float32(folder)
