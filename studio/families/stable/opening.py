"""A folder of a diffusers pipeline opened as a `Model`.

The parts are loaded one by one rather than through a pipeline object: no safety checker, no unused image encoder. Classes are
those that the folder's index names, which the face has held against a short list.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from studio.core.denoiser import Denoiser, Prediction
from studio.core.family import OpenModel
from studio.core.files import Json
from studio.core.recipe import FILE_NAME, Recipe
from studio.families.loading import Loading
from studio.families.schedulers import process_of
from studio.families.sharing import Shares, own_edit
from studio.families.stable.model import Model
from studio.families.stable.network import Network
from studio.families.stable.original.loading import load_part
from studio.families.stable.parts import Parts


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
    alike: list[Model] = [m for m in beside if isinstance(m, Model) and m.dtype == dtype and m.at_rest == torch.device(device)]
    shares = Shares(folder, alike)
    parts = _load_parts(folder, index, dtype, xl, shares)
    card = _json(folder / "card.json") if (folder / "card.json").is_file() else {}
    recipe = Recipe.load(folder) if (folder / FILE_NAME).is_file() else None
    config = parts.unet.config
    channels, size = int(config["in_channels"]), int(config["sample_size"])
    usual = recipe.guidance if recipe else 5.0 if xl else 7.5
    pixels = 2 ** (len(parts.vae.config["block_out_channels"]) - 1)
    network = Network(parts.unet, pixels)
    model = Model(
        id=id,
        folder=folder,
        denoiser=Denoiser(network, process_of(scheduler), prediction),
        shape=(channels, size, size),
        image_size=size * pixels,
        recipe=recipe,
        default_guidance=float(card.get("default_guidance", usual)),
        card=card,
        held=parts,
        embedded_guidance=float(card.get("embedded_guidance", 1.0)),
        turns=shares.turns,
        own=own_edit(folder, parts.modules),
    )
    network.embed_guidance(model.embedded_guidance)
    return model.to(device)


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


def _load_parts(folder: Path, index: Json, dtype: torch.dtype, xl: bool, shares: Shares[Model]) -> Parts:
    """Every part in ``dtype`` whatever the files store; an autoencoder that overflows in half precision stays float32."""
    import diffusers
    import transformers

    load = Loading(folder, shares, _lent, load_part).part
    vae_config = _json(folder / "vae" / "config.json")
    upcast = dtype == torch.float16 and vae_config.get("force_upcast", True)
    vae = load(diffusers, index["vae"][1], "vae", torch.float32 if upcast else dtype)
    unet = load(diffusers, index["unet"][1], "unet", dtype)
    suffixes = ("", "_2") if xl else ("",)
    tokenizers = [
        getattr(transformers, index[part][1]).from_pretrained(folder / part, local_files_only=True)
        for part in (f"tokenizer{s}" for s in suffixes)
    ]
    encoders = [load(transformers, index[part][1], part, dtype) for part in (f"text_encoder{s}" for s in suffixes)]
    # Channels-last convolutions are about 5 % faster on CPUs and faster in half precision on GPUs; the fused attention
    # diffusers chooses by default is about 10 % faster than plain matrix products when nothing is trained.
    unet.to(memory_format=torch.channels_last)
    vae.to(memory_format=torch.channels_last)
    for words, encoder in zip(tokenizers, encoders, strict=True):  # one that was saved without a length has 1e30 as its own
        words.model_max_length = min(words.model_max_length, encoder.config.max_position_embeddings)
    return Parts(unet, vae, tokenizers, encoders, zero_null=xl and bool(index.get("force_zeros_for_empty_prompt", True)))


def _lent(model: Model, part: str) -> nn.Module:
    return model.held.vae if part == "vae" else model.held.modules[part]
