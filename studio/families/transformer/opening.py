"""A folder shaped like SD3, Flux or PixArt-α opened as a `Model`: its parts loaded one by one, by the classes its index names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from studio.core.denoiser import Denoiser
from studio.core.family import OpenModel
from studio.core.files import Json, read_json
from studio.core.prediction import Prediction
from studio.core.process import Flow, Gaussian
from studio.core.recipe import FILE_NAME, Recipe
from studio.families.folder import INDEX, json_object
from studio.families.loading import Loading
from studio.families.schedulers import process_of
from studio.families.sharing import Shares, own_edit
from studio.families.transformer.kinds import EMBEDDED_GUIDANCE, FLUX, SD3, Kind
from studio.families.transformer.model import Model
from studio.families.transformer.network import FluxNetwork, PatchTransformer, PixArtNetwork, SD3Network
from studio.families.transformer.new_word import Encoding
from studio.families.transformer.original.loading import load_part
from studio.families.transformer.parts import Parts
from studio.families.transformer.text import encode_flux, encode_pixart, encode_sd3

if TYPE_CHECKING:
    from diffusers.models.transformers.pixart_transformer_2d import PixArtTransformer2DModel
    from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
    from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel

ENCODE: dict[str, Encoding] = {SD3.pipeline: encode_sd3, FLUX.pipeline: encode_flux}


def open_transformer(
    folder: Path,
    id: str,
    kind: Kind,
    *,
    device: str,
    dtype: torch.dtype | None,
    shape: tuple[int, int, int],
    prediction: str,
    beside: Sequence[OpenModel],
) -> Model:
    """Load a folder that the face found whole. shape, prediction: as it describes them. beside: open models that may share
    what they have already."""
    dtype = dtype or torch.float32
    alike: list[Model] = [m for m in beside if isinstance(m, Model) and m.dtype == dtype and m.at_rest == torch.device(device)]
    shares = Shares(folder, alike)
    scheduler = json_object(folder / "scheduler" / "scheduler_config.json")
    card = read_json(folder / "card.json") or {}
    parts = _load_parts(folder, kind, dtype, shares, int(card.get("text_length", kind.length)))
    embeds = bool(parts.transformer.config.get("guidance_embeds"))
    embedded = float(card.get("embedded_guidance", EMBEDDED_GUIDANCE if embeds else 1.0))
    recipe = Recipe.load(folder) if (folder / FILE_NAME).is_file() else None
    pixels = 2 ** (len(parts.vae.config.get("block_out_channels") or parts.vae.config["encoder_block_out_channels"]) - 1)
    model = Model(
        id=id,
        folder=folder,
        kind=kind,
        denoiser=Denoiser(_network(parts, kind, embedded, pixels), _process(scheduler, kind), cast(Prediction, prediction)),
        shape=shape,
        image_size=shape[1] * pixels,
        recipe=recipe,
        default_guidance=float(card.get("default_guidance", recipe.guidance if recipe else kind.guidance)),
        card=card,
        held=parts,
        encoding=ENCODE.get(kind.pipeline, encode_pixart),
        embedded_guidance=embedded,
        turns=shares.turns,
        own=own_edit(folder, parts.modules),
    )
    return model.to(device)


def _network(parts: Parts, kind: Kind, guidance: float, pixels: int) -> PatchTransformer:
    network: PatchTransformer
    if kind is SD3:
        network = SD3Network(cast("SD3Transformer2DModel", parts.transformer))
    elif kind is FLUX:
        network = FluxNetwork(cast("FluxTransformer2DModel", parts.transformer), guidance)
    else:
        network = PixArtNetwork(cast("PixArtTransformer2DModel", parts.transformer), pixels)
    return network.eval()


def _process(scheduler: Json, kind: Kind) -> Gaussian:
    return Flow(float(scheduler.get("num_train_timesteps", 1000))) if kind.flow else process_of(scheduler)


def _load_parts(folder: Path, kind: Kind, dtype: torch.dtype, shares: Shares[Model], length: int) -> Parts:
    """Every part in ``dtype`` whatever the files store; an autoencoder that overflows in half precision stays float32."""
    import diffusers
    import transformers

    index = json_object(folder / INDEX)
    upcast = dtype == torch.float16 and json_object(folder / "vae" / "config.json").get("force_upcast", True)
    present = kind.present(index)
    load = Loading(folder, shares, _lent, load_part).part
    vae = load(diffusers, index["vae"][1], "vae", torch.float32 if upcast else dtype)
    return Parts(
        transformer=load(diffusers, kind.network, "transformer", dtype),
        vae=vae.to(memory_format=torch.channels_last),
        tokenizers={
            part: getattr(transformers, index[part][1]).from_pretrained(folder / part, local_files_only=True)
            for part in present
            if part.startswith("tokenizer")
        },
        encoders={part: load(transformers, index[part][1], part, dtype) for part in present if part.startswith("text")},
        length=length,
    )


def _lent(model: Model, part: str) -> nn.Module:
    return {"vae": model.held.vae, "transformer": model.held.transformer, **model.held.encoders}[part]
