"""What a UNet takes while it is trained, from its config and the headers of its weight files. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from studio.core.files import Json, read_json
from studio.core.footprint import Footprint, Smaller
from studio.families.layout import original_of
from studio.families.stable.activations import unet_kept
from studio.families.stable.original.header import read_header
from studio.families.stable.original.names import names_of
from studio.families.stable.smaller import smaller_config
from studio.families.weight_shapes import weight_shapes

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
EVERYTHING = (*ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2", "conv_shortcut", "time_emb_proj")
# What the original code calls the layers of a resnet.
RESNET = {"in_layers.2": "conv1", "out_layers.3": "conv2", "skip_connection": "conv_shortcut", "emb_layers.1": "time_emb_proj"}


def footprint(folder: Path, rank: int | None, smaller: Smaller | None, fused: bool) -> Footprint:
    """Of the whole UNet, of adapters of a rank on it, or of one cut from it. ValueError where it cannot be cut so."""
    shapes, config = shapes_of(folder), read_json(folder / "unet" / "config.json") or {}
    whole = float(sum(math.prod(shape) for shape in shapes.values()))
    text = _text(folder)
    kept = unet_kept(config, text, fused)
    if rank is not None:
        return Footprint(float(adapter_parameters(shapes, rank)), kept)
    if smaller is not None:
        cut = unet_kept(smaller_config(config, smaller), text, fused)
        return Footprint(whole * (cut.parameters / kept.parameters) if cut and kept else whole, cut)
    return Footprint(whole, kept)


def shapes_of(folder: Path) -> dict[str, list[int]]:
    """Shape of every weight of the UNet in a folder, from the headers of its files (nothing else is read)."""
    file = original_of(folder / "unet")
    return weight_shapes(folder / "unet") if file is None else _original_shapes(folder, file)


def _original_shapes(folder: Path, file: Path) -> dict[str, list[int]]:
    """Those of the UNet alone, with layers of resnets called as diffusers calls them."""
    try:
        there = read_header(file).shapes
        names = names_of("unet", read_json(folder / "unet" / "config.json") or {}, there)
    except (OSError, ValueError):
        return {}
    found = {}
    for name in names & there.keys():
        layer, _, kind = name.rpartition(".")
        end = next((old for old in RESNET if layer.endswith(old)), "")
        found[f"{layer.removesuffix(end)}{RESNET[end]}.{kind}" if end else name] = list(there[name])
    return found


def numbers_in_original(file: Path, part: str, config: Json) -> int:
    """Weights of a part in a file of the original layout; 0 where it cannot be read."""
    try:
        there = read_header(file).shapes
        return sum(math.prod(there[name]) for name in names_of(part, config, there) & there.keys())
    except (OSError, ValueError):
        return 0


def adapter_parameters(shapes: Mapping[str, list[int]], rank: int) -> int:
    """Parameters of one adapter: two thin matrices a layer, the first as large as the kernel of a convolution."""
    return sum(
        rank * (math.prod(shape[1:]) + shape[0])
        for name, shape in shapes.items()
        if len(shape) > 1 and any(name.removesuffix(".weight").endswith(f".{layer}") for layer in EVERYTHING)
    )


def _text(folder: Path) -> int:
    """Number of text states."""
    length = (read_json(folder / "tokenizer" / "tokenizer_config.json") or {}).get("model_max_length")
    return length if isinstance(length, int) and 0 < length < 4096 else 77
