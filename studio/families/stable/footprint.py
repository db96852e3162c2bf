"""What a UNet takes while it is trained, from its config and the headers of its weight files. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from studio.core.files import read_json
from studio.core.footprint import Footprint, Smaller
from studio.families.stable.activations import unet_kept
from studio.families.stable.smaller import smaller_config
from studio.families.weight_shapes import weight_shapes

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
EVERYTHING = (*ATTENTION, "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "conv1", "conv2", "conv_shortcut", "time_emb_proj")


def footprint(folder: Path, rank: int | None, smaller: Smaller | None, fused: bool) -> Footprint:
    """Of the whole UNet, of adapters of a rank on it, or of one cut from it. ValueError where it cannot be cut so."""
    shapes, config = weight_shapes(folder / "unet"), read_json(folder / "unet" / "config.json") or {}
    whole = float(sum(math.prod(shape) for shape in shapes.values()))
    text = _text(folder)
    kept = unet_kept(config, text, fused)
    if rank is not None:
        return Footprint(float(adapter_parameters(shapes, rank)), kept)
    if smaller is not None:
        cut = unet_kept(smaller_config(config, smaller), text, fused)
        return Footprint(whole * (cut.parameters / kept.parameters) if cut and kept else whole, cut)
    return Footprint(whole, kept)


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
