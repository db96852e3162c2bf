"""A part of a checkpoint in the original layout opened by diffusers' own converters, from local files alone."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from studio.core.explain import brief
from studio.core.files import read_json
from studio.families.stable.original.names import UNET, names_of, unet_prefix


class _Original(Protocol):
    """A class of diffusers that reads weights in the original layout."""

    def from_single_file(self, weights: dict[str, Tensor], **where: object) -> nn.Module: ...


def load_part(cls: type[nn.Module], folder: Path, part: str, file: Path, dtype: torch.dtype) -> nn.Module:
    """cls: of diffusers or transformers, as the folder's index names it. dtype: of the weights, whatever the file stores.
    ValueError in one sentence where the file does not fit the part's config."""
    from diffusers.loaders.single_file_utils import SingleFileComponentError, create_diffusers_clip_model_from_ldm

    where = {"config": str(folder), "subfolder": part, "local_files_only": True}
    try:
        state = {name: tensor.to(dtype) for name, tensor in _weights(folder, part, file).items()}
        if part.startswith("text_encoder"):
            module = create_diffusers_clip_model_from_ldm(cls, state, **where)
        else:
            module = cast(_Original, cls).from_single_file(state, **where)
    except (SafetensorError, SingleFileComponentError, RuntimeError, KeyError, ValueError) as error:
        why = brief(" ".join(str(error).split()), 200)
        raise ValueError(f"model folder {folder.name!r} cannot be opened: its {part} does not fit {file.name}: {why}") from error
    return nn.Module.to(module, dtype)


def _weights(folder: Path, part: str, file: Path) -> dict[str, Tensor]:
    """Those of the part alone: of moving averages and other parts nothing is read."""
    with safe_open(str(file), framework="pt") as opened:
        there = set(opened.keys())
        names = names_of(part, read_json(folder / part / "config.json") or {}, there)
        prefix = UNET if part == "unet" and not unet_prefix(there) else ""
        return {f"{prefix}{name}": opened.get_tensor(name) for name in sorted(names)}
