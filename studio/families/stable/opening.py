"""A folder of a diffusers pipeline opened as a `Model`.

The parts are loaded one by one rather than through a pipeline object: no safety checker, no unused image encoder. Classes are
those that the folder's index names, which the face has held against a short list.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from studio.core.denoiser import Denoiser, Prediction
from studio.core.edit import Edit
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.process import VP
from studio.core.recipe import FILE_NAME, Recipe
from studio.families import adapter_files
from studio.families.stable.layout import LORA, LORA_SETTINGS, is_half, loaded, original_of
from studio.families.stable.model import Model
from studio.families.stable.network import Network
from studio.families.stable.original.loading import load_part
from studio.families.stable.parts import Parts
from studio.families.stable.sharing import Shares
from studio.families.turns import Turns


def open_stable(
    folder: Path,
    id: str,
    *,
    device: str,
    dtype: torch.dtype | None,
    xl: bool,
    prediction: Prediction,
    beside: Sequence[OpenModel],
) -> Model:
    """Load an SD (or, with ``xl``, SDXL) folder that `face.StableDiffusion.describe` found whole.

    beside: open models; parts that one of them has already, equal files on the same device in the same precision, are shared.
    """
    index = _json(folder / "model_index.json")
    scheduler = _json(folder / "scheduler" / "scheduler_config.json")
    dtype = dtype or torch.float32
    alike = [m for m in beside if isinstance(m, Model) and m.dtype == dtype and m.device == torch.device(device)]
    shares = Shares(folder, alike)
    parts = _load_parts(folder, index, dtype, xl, shares)
    card = _json(folder / "card.json") if (folder / "card.json").is_file() else {}
    recipe = Recipe.load(folder) if (folder / FILE_NAME).is_file() else None
    config = parts.unet.config
    channels, size = int(config["in_channels"]), int(config["sample_size"])
    usual = recipe.guidance if recipe else 5.0 if xl else 7.5
    network = Network(parts.unet)
    model = Model(
        id=id,
        folder=folder,
        denoiser=Denoiser(network, process_of(scheduler), prediction),
        shape=(channels, size, size),
        image_size=size * 2 ** (len(parts.vae.config["block_out_channels"]) - 1),
        recipe=recipe,
        default_guidance=float(card.get("default_guidance", usual)),
        card=card,
        held=parts,
        embedded_guidance=float(card.get("embedded_guidance", 1.0)),
        turns=shares.turns or Turns(),
        own=_own(folder, parts),
    )
    network.embed_guidance(model.embedded_guidance)
    return model.to(device)


def _own(folder: Path, parts: Parts) -> tuple[Edit, float] | None:
    """What makes a student in the form of a LoRA of its base: the edit, and the strength it was made for."""
    if not (folder / LORA).is_dir():
        return None
    edit, report = adapter_files.read(loaded(folder / LORA)[0], adapter_files.targets(parts.modules))
    if report.unmatched or edit.tokens:
        raise ValueError(f"model folder {folder.name!r} cannot be opened: its LoRA is of another base; {report.sentence}")
    settings = folder / LORA / LORA_SETTINGS
    return edit, float(_json(settings).get("scale", 1.0)) if settings.is_file() else 1.0


def process_of(scheduler: Json) -> VP:
    """The forward process of a scheduler config (beta schedules, zero terminal SNR) as diffusers computes it."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    known = {k: v for k, v in scheduler.items() if k in _PROCESS_KEYS}
    return VP(DDIMScheduler(**known).alphas_cumprod)


_PROCESS_KEYS = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "rescale_betas_zero_snr")


def _json(path: Path) -> Json:
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent.name}/{path.name} is not there; a folder saved by diffusers has it")
    try:
        content = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.parent.name}/{path.name} is not JSON; the file diffusers writes would fit") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path.parent.name}/{path.name} is not a JSON object; the file diffusers writes would fit")
    return content


def _load_parts(folder: Path, index: Json, dtype: torch.dtype, xl: bool, shares: Shares) -> Parts:
    """Every part in ``dtype`` whatever the files store; an autoencoder that overflows in half precision stays float32."""
    import diffusers
    import transformers

    def network(library: ModuleType, part: str, precision: torch.dtype) -> Any:
        if (other := shares.of(part)) is not None:
            return other.held.vae if part == "vae" else other.held.modules[part]
        cls = getattr(library, index[part][1])
        if (file := original_of(folder / part)) is not None:
            module = load_part(cls, folder, part, file, precision)
        else:
            variant = {"variant": "fp16"} if is_half(loaded(folder / part)[0]) else {}
            module = cls.from_pretrained(folder / part, dtype=precision, local_files_only=True, use_safetensors=True, **variant)
        return module.eval().requires_grad_(False)

    vae_config = _json(folder / "vae" / "config.json")
    upcast = dtype == torch.float16 and vae_config.get("force_upcast", True)
    vae = network(diffusers, "vae", torch.float32 if upcast else dtype)
    unet = network(diffusers, "unet", dtype)
    suffixes = ("", "_2") if xl else ("",)
    tokenizers = [
        getattr(transformers, index[part][1]).from_pretrained(folder / part, local_files_only=True)
        for part in (f"tokenizer{s}" for s in suffixes)
    ]
    encoders = [network(transformers, f"text_encoder{s}", dtype) for s in suffixes]
    # Channels-last convolutions are about 5 % faster on CPUs and faster in half precision on GPUs; the fused attention
    # diffusers chooses by default is about 10 % faster than plain matrix products when nothing is trained.
    unet.to(memory_format=torch.channels_last)
    vae.to(memory_format=torch.channels_last)
    return Parts(unet, vae, tokenizers, encoders, zero_null=xl and bool(index.get("force_zeros_for_empty_prompt", True)))
