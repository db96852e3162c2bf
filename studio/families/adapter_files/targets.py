"""What an adapter may change in a model, and by which names other tools call it.

Kohya's names replace every point by an underscore, and SDXL adapters use the block numbers of the original (LDM) code, so a
name cannot be turned back into a path by rules alone. Here it is done the other way round: every layer of the model says
what the tools would call it, and a file's name is looked up. (diffusers' own converter parses the names; it takes input
block 10 for block 1, and leaves `add_embedding` in diffusers' spelling unmatched.) Transformers have other names in their
original code, and layers that are several here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import nn

from studio.families.original_transformers import Rows, original_layers

Targets = Mapping[str, Mapping[str, tuple[int, ...]]]

T5, LAST_TEXT = "encoder.block.", "text_encoder_3"  # how layers of a T5 begin, and which part it is in SD3
CLIP_WORDS, T5_WORDS = "token_embedding", "shared"  # the layer of a text encoder that holds a row for each word
RESNET = {"conv1": "in_layers.2", "conv2": "out_layers.3", "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"}
OUTSIDE = {"conv_in": "input_blocks.0.0", "conv_out": "out.2", "time_embedding.linear_1": "time_embed.0",
           "time_embedding.linear_2": "time_embed.2", "add_embedding.linear_1": "label_emb.0.0",
           "add_embedding.linear_2": "label_emb.0.2"}  # fmt: skip
OLD_TEXT = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}


def targets(parts: Mapping[str, nn.Module]) -> dict[str, dict[str, tuple[int, ...]]]:
    """{"unet": {path: shape of its weight}, "text_encoder": …}: linear layers, convolutions, and the rows of words."""
    return {
        part: {path: tuple(layer.weight.shape) for path, layer in module.named_modules() if _fits(path, layer)}
        for part, module in parts.items()
    }


def _fits(path: str, layer: nn.Module) -> bool:
    plain = isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)
    return plain or (isinstance(layer, nn.Embedding) and holds_words(path))


def holds_words(path: str) -> bool:
    """Whether a layer of a text encoder is its table of words."""
    return path == T5_WORDS or path.endswith(CLIP_WORDS)


def is_t5(layers: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a text encoder is a T5, by its layers."""
    return any(path.startswith(T5) for path in layers)


def word_width(modules: Targets, part: str) -> int | None:
    """Width of a word's row in a text encoder; None where the part is not there."""
    return next((shape[1] for path, shape in modules.get(part, {}).items() if holds_words(path)), None)


class Names:
    """Every name by which a file may call the layers of a model. One layer there may be several here (`Rows`)."""

    def __init__(self, modules: Targets):
        self.dotted: dict[str, dict[str, tuple[Rows, ...]]] = {}
        self.flat: dict[str, dict[str, tuple[Rows, ...]]] = {}
        for part, layers in modules.items():
            ldm = ldm_names(layers) if part == "unet" else {}
            names: dict[str, tuple[Rows, ...]] = {}
            for path in layers:
                if not holds_words(path):
                    for name in (path, *_aliases(part, path), *([ldm[path]] if path in ldm else [])):
                        names.setdefault(name, (Rows(path),))
            if part == "unet":
                names = {**original_layers(layers), **names}
            self.dotted[part] = names
            self.flat[part] = {name.replace(".", "_"): rows for name, rows in reversed(names.items())}
        self.t5 = next((part for part, layers in modules.items() if is_t5(layers)), LAST_TEXT)

    def find(self, part: str, name: str, flat: bool) -> tuple[Rows, ...]:
        """The layers inside the part, none where it has no such. name: dotted, or with underscores where ``flat``."""
        return (self.flat if flat else self.dotted).get(part, {}).get(name.replace(".processor.", "."), ())


def _aliases(part: str, path: str) -> list[str]:
    if part == "unet":
        return [path.removesuffix(".0")] if path.endswith(".to_out.0") else []
    other = path.removeprefix("text_model.") if path.startswith("text_model.") else f"text_model.{path}"
    stem, _, last = path.rpartition(".")
    old = [f"{text}{OLD_TEXT[last]}" for text in (f"{stem}.", f"text_model.{stem}.")] if last in OLD_TEXT else []
    return [other, *old, *(name.replace("text_model.text_model.", "text_model.") for name in old)]


def ldm_names(layers: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """path -> the name of the same layer in the original code (input_blocks, middle_block, output_blocks), for UNets
    whose blocks are equally deep. With L resnets in a down block: down block b holds input blocks b(L+1)+1 … b(L+1)+L and
    its downsampler (b+1)(L+1); up block b holds output blocks b(L+1) … b(L+1)+L, its upsampler within the last of them."""
    found = [re.match(r"down_blocks\.0\.resnets\.(\d+)\.", path) for path in layers]
    depth = max((int(m[1]) for m in found if m), default=0) + 1
    crossed = {m[1] for path in layers if (m := re.match(r"(up_blocks\.\d+)\.attentions\.", path))}
    names = {path: OUTSIDE[path] for path in layers if path in OUTSIDE}
    for path in layers:
        m = re.match(r"(down|mid|up)_block(?:s\.(\d+))?\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)$", path)
        if m is None:
            continue
        side, b, kind, i, rest = m[1], int(m[2] or 0), m[3], int(m[4]), m[5]
        inner = RESNET.get(rest, rest) if kind == "resnets" else rest
        first = b * (depth + 1)
        if side == "mid":
            block = f"middle_block.{1 if kind == 'attentions' else 2 * i}"
        elif kind == "downsamplers":
            block, inner = f"input_blocks.{first + depth + 1}.0", "op"
        elif kind == "upsamplers":
            block = f"output_blocks.{first + depth}.{2 if f'up_blocks.{b}' in crossed else 1}"
        else:
            where = f"input_blocks.{first + 1 + i}" if side == "down" else f"output_blocks.{first + i}"
            block = f"{where}.{1 if kind == 'attentions' else 0}"
        names[path] = f"{block}.{inner}"
    return names
