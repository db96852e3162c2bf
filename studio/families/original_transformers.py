"""What the original code of SD3, Flux and PixArt-α calls the layers of diffusers' transformers. No torch.

Names are those of Stability's `mmditx.py` (github.com/Stability-AI/sd3.5), of `flux/model.py` (github.com/black-forest-labs/flux)
and of `diffusion/model/nets/PixArt.py` (github.com/PixArt-alpha/PixArt-alpha). What is several layers here is one there, its
rows one behind another: queries, keys and values, in the single blocks of Flux with the MLP's first layer behind them. The last
modulation is (shift, scale) there and (scale, shift) here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

Table = Mapping[str, tuple[str, ...]]  # name in the original code: names in diffusers, in the order of the rows


@dataclass(frozen=True)
class Rows:
    """All rows of a layer of diffusers within one of the original code. swapped: its halves lie the other way round there."""

    path: str
    swapped: bool = False


@dataclass(frozen=True)
class Original:
    """mark: in the path of a layer that only this network has. outside: layers that stand alone. blocks: (name of the blocks
    there, here, their layers). aliases: names that adapters for these layers have besides."""

    mark: str
    outside: Table
    blocks: tuple[tuple[str, str, Table], ...]
    aliases: tuple[tuple[str, str, Table], ...] = ()


def _qkv(attention: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{attention}.{name}" for name in names)


TO, ADDED = ("to_q", "to_k", "to_v"), ("add_q_proj", "add_k_proj", "add_v_proj")
LAST = {"final_layer.adaLN_modulation.1": ("norm_out.linear",), "final_layer.linear": ("proj_out",)}
SWAPPED = "norm_out.linear"
FLUX = Original(
    mark="single_transformer_blocks.",
    outside={
        "img_in": ("x_embedder",), "txt_in": ("context_embedder",), **LAST,
        **{f"{name}_in.{side}_layer": (f"time_text_embed.{ours}_embedder.linear_{i}",)
           for name, ours in (("time", "timestep"), ("vector", "text"), ("guidance", "guidance"))
           for i, side in ((1, "in"), (2, "out"))},
    },
    blocks=(
        ("double_blocks", "transformer_blocks", {
            "img_mod.lin": ("norm1.linear",), "txt_mod.lin": ("norm1_context.linear",),
            "img_attn.qkv": _qkv("attn", *TO), "txt_attn.qkv": _qkv("attn", *ADDED),
            "img_attn.proj": ("attn.to_out.0",), "txt_attn.proj": ("attn.to_add_out",),
            "img_attn.norm.query_norm": ("attn.norm_q",), "img_attn.norm.key_norm": ("attn.norm_k",),
            "txt_attn.norm.query_norm": ("attn.norm_added_q",), "txt_attn.norm.key_norm": ("attn.norm_added_k",),
            "img_mlp.0": ("ff.net.0.proj",), "img_mlp.2": ("ff.net.2",),
            "txt_mlp.0": ("ff_context.net.0.proj",), "txt_mlp.2": ("ff_context.net.2",),
        }),
        ("single_blocks", "single_transformer_blocks", {
            "linear1": (*_qkv("attn", *TO), "proj_mlp"), "linear2": ("proj_out",), "modulation.lin": ("norm.linear",),
            "norm.query_norm": ("attn.norm_q",), "norm.key_norm": ("attn.norm_k",),
        }),
    ),
    # XLabs' (github.com/XLabs-AI/x-flux), whose adapters stand where attention is computed
    aliases=(
        ("double_blocks", "transformer_blocks", {
            "qkv_lora1": _qkv("attn", *TO), "qkv_lora2": _qkv("attn", *ADDED),
            "proj_lora1": ("attn.to_out.0",), "proj_lora2": ("attn.to_add_out",),
        }),
        ("single_blocks", "single_transformer_blocks", {"qkv": _qkv("attn", *TO), "proj": ("proj_out",)}),
    ),
)  # fmt: skip
_JOINT = {
    "x_block.adaLN_modulation.1": ("norm1.linear",), "context_block.adaLN_modulation.1": ("norm1_context.linear",),
    "x_block.attn.qkv": _qkv("attn", *TO), "context_block.attn.qkv": _qkv("attn", *ADDED),
    "x_block.attn2.qkv": _qkv("attn2", *TO),
    "x_block.attn.proj": ("attn.to_out.0",), "context_block.attn.proj": ("attn.to_add_out",),
    "x_block.attn2.proj": ("attn2.to_out.0",),
    "x_block.attn.ln_q": ("attn.norm_q",), "x_block.attn.ln_k": ("attn.norm_k",),
    "context_block.attn.ln_q": ("attn.norm_added_q",), "context_block.attn.ln_k": ("attn.norm_added_k",),
    "x_block.attn2.ln_q": ("attn2.norm_q",), "x_block.attn2.ln_k": ("attn2.norm_k",),
    "x_block.mlp.fc1": ("ff.net.0.proj",), "x_block.mlp.fc2": ("ff.net.2",),
    "context_block.mlp.fc1": ("ff_context.net.0.proj",), "context_block.mlp.fc2": ("ff_context.net.2",),
}  # fmt: skip
SD3 = Original(
    mark=".attn.add_q_proj",
    outside={
        "x_embedder.proj": ("pos_embed.proj",), "context_embedder": ("context_embedder",), **LAST,
        **{f"{name}_embedder.mlp.{2 * i}": (f"time_text_embed.{ours}_embedder.linear_{i + 1}",)
           for name, ours in (("t", "timestep"), ("y", "text")) for i in (0, 1)},
    },
    blocks=(("joint_blocks", "transformer_blocks", _JOINT),),
)  # fmt: skip
PIXART = Original(
    mark="adaln_single.linear",
    outside={
        "x_embedder.proj": ("pos_embed.proj",), "t_block.1": ("adaln_single.linear",), "final_layer.linear": ("proj_out",),
        **{f"y_embedder.y_proj.fc{i}": (f"caption_projection.linear_{i}",) for i in (1, 2)},
        **{f"{name}_embedder.mlp.{2 * i}": (f"adaln_single.emb.{ours}_embedder.linear_{i + 1}",)
           for name, ours in (("t", "timestep"), ("csize", "resolution"), ("ar", "aspect_ratio")) for i in (0, 1)},
    },
    blocks=(("blocks", "transformer_blocks", {
        "attn.qkv": _qkv("attn1", *TO), "attn.proj": ("attn1.to_out.0",),
        "cross_attn.q_linear": ("attn2.to_q",), "cross_attn.kv_linear": _qkv("attn2", "to_k", "to_v"),
        "cross_attn.proj": ("attn2.to_out.0",), "mlp.fc1": ("ff.net.0.proj",), "mlp.fc2": ("ff.net.2",),
    }),),
)  # fmt: skip


def original_of(paths: Collection[str]) -> Original | None:
    """Whose layers these are; None where they are no transformer's that is known here."""
    return next((one for one in (FLUX, SD3, PIXART) if any(one.mark in path for path in paths)), None)


def original_layers(paths: Collection[str], aliases: bool = True) -> dict[str, tuple[Rows, ...]]:
    """{name in the original code: layers of diffusers, in the order of its rows}. paths: of a transformer's layers. aliases:
    with the names that adapters alone have."""
    network = original_of(paths)
    return {} if network is None else dict(_layers(network, frozenset(paths), aliases))


def original_weights(names: Collection[str]) -> dict[str, tuple[Rows, ...]]:
    """The same of weights: "….weight" and "….bias", where the norms of Flux have a "….scale"; and SD3's table of positions."""
    stems = {name.rpartition(".")[0] for name in names}
    found: dict[str, tuple[Rows, ...]] = {}
    if original_of(stems) is SD3:
        found["pos_embed"] = (Rows("pos_embed.pos_embed"),)
    for called, layers in original_layers(stems, aliases=False).items():
        for kind in ("weight", "bias"):
            if all(f"{rows.path}.{kind}" in names for rows in layers):
                there = "scale" if called.endswith("_norm") else kind
                found[f"{called}.{there}"] = tuple(Rows(f"{rows.path}.{kind}", rows.swapped) for rows in layers)
    return found


def _layers(network: Original, paths: frozenset[str], aliases: bool) -> Iterator[tuple[str, tuple[Rows, ...]]]:
    for called, ours in network.outside.items():
        if all(path in paths for path in ours):
            yield called, tuple(Rows(path, path == SWAPPED) for path in ours)
    for there, here, table in (*network.blocks, *(network.aliases if aliases else ())):
        numbers = {m[1] for path in paths if (m := re.match(rf"{here}\.(\d+)\.", path))}
        for i in sorted(numbers, key=int):
            for called, names in table.items():
                found = tuple(f"{here}.{i}.{name}" for name in names)
                if all(path in paths for path in found):
                    yield f"{there}.{i}.{called}", tuple(Rows(path, _closes(path, paths)) for path in found)


def _closes(path: str, paths: frozenset[str]) -> bool:
    """Whether it is the text's modulation in SD3's last block, after which the text goes no further."""
    block, _, inner = path.partition(".norm1_context.linear")
    return block != path and not inner and f"{block}.ff_context.net.2" not in paths
