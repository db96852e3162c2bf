"""A part of a checkpoint of SD3 or Flux in the original layout, opened from local files alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from studio.core.explain import brief
from studio.core.files import Json, read_json
from studio.families.stable.original.names import VAE
from studio.families.transformer.original.names import PROJECTION, SCALES, names_of, prefix_of, rows_of, text_prefix, vae_prefix


class _Class(Protocol):
    """What is asked of classes of diffusers and transformers."""

    __name__: str
    config_class: _Class

    def from_config(self, config: Json) -> nn.Module: ...
    def from_single_file(self, weights: dict[str, Tensor], **where: object) -> nn.Module: ...
    def from_pretrained(self, place: Path | None, **how: object) -> nn.Module: ...


class _Opened(Protocol):
    def get_tensor(self, name: str) -> Tensor: ...


def load_part(cls: type[nn.Module], folder: Path, part: str, file: Path, dtype: torch.dtype) -> nn.Module:
    """cls: of diffusers or transformers, as the folder's index names it. dtype: of the weights, whatever the file stores;
    scaled 8 bits are multiplied out. ValueError in one sentence where the file does not fit the part's config."""
    config = read_json(folder / part / "config.json") or {}
    try:
        with safe_open(str(file), framework="pt") as opened:
            there = set(opened.keys())
            state = {name: _plain(opened, name, there, dtype) for name in sorted(names_of(part, config, there))}
        return _made(cls, folder, part, config, state, dtype)
    except (SafetensorError, RuntimeError, KeyError, ValueError, OSError) as error:
        why = brief(" ".join(str(error).split()), 200)
        raise ValueError(f"model folder {folder.name!r} cannot be opened: its {part} does not fit {file.name}: {why}") from error


def _plain(opened: _Opened, name: str, there: set[str], dtype: torch.dtype) -> Tensor:
    tensor = opened.get_tensor(name)
    layer = name.removesuffix(".weight")
    scale = next((f"{layer}{end}" for end in SCALES if f"{layer}{end}" in there), None) if layer != name else None
    if scale is None:
        return tensor.to(dtype)
    return (tensor.float() * opened.get_tensor(scale).float()).to(dtype)


def _made(cls: type[nn.Module], folder: Path, part: str, config: Json, state: dict[str, Tensor], dtype: torch.dtype) -> nn.Module:
    made = cast(_Class, cls)
    if part == "transformer":
        return _network(made, config, state)
    if part == "vae":
        begin = vae_prefix(state)
        state = {f"{VAE}{name.removeprefix(begin)}": tensor for name, tensor in state.items()}
        module = made.from_single_file(state, config=str(folder), subfolder=part, local_files_only=True)
        return nn.Module.to(module, dtype)
    state = {name.removeprefix(text_prefix(part, config)): tensor for name, tensor in state.items()}
    about = made.config_class.from_pretrained(folder / part, local_files_only=True)
    if "Projection" in made.__name__ and PROJECTION not in state:
        state[PROJECTION] = torch.eye(config["projection_dim"], config["hidden_size"], dtype=dtype)
    return made.from_pretrained(None, config=about, state_dict=state, dtype=dtype)


def _network(cls: _Class, config: Json, state: dict[str, Tensor]) -> nn.Module:
    with torch.device("meta"):
        module = cls.from_config(config)
    sizes = {name: len(tensor) for name, tensor in module.state_dict().items()}
    module.load_state_dict(dict(_renamed(config, state, sizes)), assign=True)
    return module


def _renamed(config: Json, state: dict[str, Tensor], sizes: dict[str, int]) -> Iterator[tuple[str, Tensor]]:
    begin = prefix_of(state)
    for name, rows in rows_of(config).items():
        parts = state.pop(f"{begin}{name}").split([sizes[one.path] for one in rows])
        for one, its in zip(rows, parts, strict=True):
            whole = torch.cat(its.chunk(2)[::-1]) if one.swapped else its
            yield one.path, whole.clone() if len(rows) > 1 else whole  # not a view of all rows, which could not be written alone
