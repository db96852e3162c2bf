"""Which of SD3 and Flux a single file is of, how deep and wide it is, and what is inside, from its header alone. No torch."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path

from studio.core.explain import brief, did_you_mean
from studio.core.files import Json, read_json
from studio.families.folder import INDEX
from studio.families.stable.original.header import Header
from studio.families.stable.original.kinds import Found
from studio.families.stable.original.others import what_kind
from studio.families.transformer.original.names import (
    BESIDES,
    CLIPS,
    FIRST,
    PREFIX,
    T5,
    VAES,
    names_of,
    prefix_of,
    text_prefix,
)
from studio.families.transformer.original.shipped import NAMES

FLOW = "flow"
SD3_NETWORK, FLUX_NETWORK = FIRST
TITLES = {SD3_NETWORK: "Stable Diffusion 3", FLUX_NETWORK: "Flux"}
FOUR_BITS = (".absmax", ".quant_map", ".quant_state.")  # of bitsandbytes
Shapes = Mapping[str, tuple[int, ...]]


def network_in(header: Header) -> str | None:
    """The class that diffusers has for the network in a file; None where it is none of these."""
    there = header.shapes
    return next((cls for cls, name in FIRST.items() if name in there or f"{PREFIX}{name}" in there), None)


def recognised(header: Header, name: str, like: str | None = None) -> Found:
    """Of a file with such a network. ValueError in one sentence where a person calls it otherwise, or parts lie elsewhere."""
    shown, cls = brief(name), network_in(header)
    assert cls is not None
    refuse_unread(header, shown)
    guided = f"{prefix_of(header.shapes)}guidance_in.in_layer.weight" in header.shapes
    layout = "sd3" if cls == SD3_NETWORK else "flux-dev" if guided else "flux-schnell"
    if like is not None and like != layout:
        known = "" if like in NAMES else did_you_mean(like, NAMES)
        raise ValueError(f"{shown} is {TITLES[cls]} as {layout} is, not {brief(like)}.{known}")
    lacking = _lacking(header, cls)
    if lacking:
        raise ValueError(
            f"{shown} is of {TITLES[cls]} and has no {' and no '.join(lacking)}; on a listed model that has them it would fit "
            "(--base MODEL)."
        )
    return Found(layout, FLOW)


def refuse_unread(header: Header, shown: str) -> None:
    """ValueError for files that hold something else beside a network, or hold it in a way that is not read here."""
    if (other := what_kind(header.shapes)) is not None:
        raise ValueError(f"{shown} is {other}.")
    if any(part in name for name in header.shapes for part in FOUR_BITS):
        raise ValueError(f"{shown} is in 4 bits of bitsandbytes, which are not read here; the model in half precision would fit.")


def fit(draft: Path, header: Header) -> None:
    """Let the configs of a layout say what the file is: how deep and wide, and without T5 where it has none. ValueError to
    stand behind a colon, where it reads something beside the noise."""
    path, index = draft / "transformer" / "config.json", read_json(draft / INDEX) or {}
    like = read_json(path) or {}
    found = config_of(header.shapes, like)
    if (read := found["in_channels"]) != (noise := like["in_channels"]):
        raise ValueError(
            f"its transformer reads {read} channels and {noise} are the noise's; one that reads noise alone would fit"
        )
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if "text_encoder_3" in index and not any(name.startswith(T5) for name in header.shapes):
        for part in ("text_encoder_3", "tokenizer_3"):
            index[part] = [None, None]
            for file in (draft / part).glob("*"):
                file.unlink()
            if (draft / part).is_dir():
                (draft / part).rmdir()
        (draft / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def config_of(there: Shapes, like: Json) -> Json:
    """The network's config: what weights do not say is as in ``like``. ValueError to stand behind a colon, where the network's
    first layers are not there."""
    begin, found = prefix_of(there), dict(like)

    def size(name: str, axis: int) -> int:
        shape = there.get(f"{begin}{name}.weight", ())
        if len(shape) <= axis:
            raise ValueError(f"its transformer lacks {name}.weight, which says how wide it is")
        return shape[axis]

    def count(blocks: str) -> int:
        return 1 + max((int(m[1]) for n in there if (m := re.match(rf"{re.escape(begin + blocks)}\.(\d+)\.", n))), default=-1)

    if like.get("_class_name") == FLUX_NETWORK:
        width = size("img_in", 0)
        found |= {
            "num_layers": count("double_blocks"),
            "num_single_layers": count("single_blocks"),
            "joint_attention_dim": size("txt_in", 1),
            "pooled_projection_dim": size("vector_in.in_layer", 1),
            "in_channels": size("img_in", 1),
            "guidance_embeds": f"{begin}guidance_in.in_layer.weight" in there,
        }
    else:
        width, layers = size("x_embedder.proj", 0), count("joint_blocks")
        table = there.get(f"{begin}pos_embed", (1, 0))
        first = f"{begin}joint_blocks.0.x_block.attn.ln_q.weight"
        found |= {
            "num_layers": layers,
            "joint_attention_dim": size("context_embedder", 1),
            "caption_projection_dim": width,
            "pooled_projection_dim": size("y_embedder.mlp.0", 1),
            "in_channels": size("x_embedder.proj", 1),
            "pos_embed_max_size": math.isqrt(table[1] if len(table) > 1 else 0),
            "qk_norm": "rms_norm" if first in there else None,
            "dual_attention_layers": [i for i in range(layers) if f"{begin}joint_blocks.{i}.x_block.attn2.qkv.weight" in there],
        }
    return {**found, "num_attention_heads": width // int(like["attention_head_dim"])}


def check_part(header: Header, part: str, config: Json) -> None:
    """ValueError to stand behind a colon, where the weights of a part are not all there or of other shapes than its config's."""
    there, wanted = header.shapes, names_of(part, config, header.shapes)
    missing = wanted - there.keys()
    if len(missing) == len(wanted):
        raise ValueError(f"its {part} is missing, or named as no code does that is known here")
    if missing:
        raise ValueError(f"its {part} lacks {len(missing)} of {len(wanted)} weights, {min(missing)} for one")
    if part == "transformer":
        _check_network(there, config, wanted)
        return
    for name, sizes in _sizes(part, config).items():
        full = next(n for n in wanted if n.endswith(name))
        if there[full][: len(sizes)] != sizes:
            raise ValueError(f"its {part} has {full} of shape {list(there[full])}, and the layout's begins {list(sizes)}")


def check_network(header: Header, config: Json) -> None:
    """`check_part` of a network alone on a base, whose config it must have."""
    found = config_of(header.shapes, config)
    other = next((key for key, value in found.items() if (value or None) != (config.get(key) or None)), None)
    if other is not None:
        raise ValueError(f"its transformer has {other} {brief(found[other])}, and the base's is {brief(config.get(other))}")
    check_part(header, "transformer", config)


def _check_network(there: Shapes, config: Json, wanted: set[str]) -> None:
    begin = prefix_of(there)
    blocks = tuple(f"{begin}{name}" for name in ("joint_blocks.", "double_blocks.", "single_blocks.", "final_layer."))
    if more := {name for name in there if name.startswith(blocks) and not name.endswith(BESIDES)} - wanted:
        raise ValueError(f"its transformer has {len(more)} weights that the layout knows nothing of, {min(more)} for one")
    width = int(config["num_attention_heads"]) * int(config["attention_head_dim"])
    fused = [name for name in wanted if name.endswith((".qkv.weight", ".qkv.bias"))]
    if wrong := next((name for name in sorted(fused) if there[name][0] != 3 * width), None):
        raise ValueError(f"its {wrong} has {there[wrong][0]} rows, and {3 * width} would fit")


def _sizes(part: str, config: Json) -> dict[str, tuple[int, ...]]:
    if part == "vae":
        return {"decoder.conv_in.weight": (config["block_out_channels"][-1], config["latent_channels"])}
    if config.get("model_type") == "t5":
        return {"shared.weight": (config["vocab_size"], config["d_model"])}
    return {"token_embedding.weight": (config["vocab_size"], config["hidden_size"])}


def _lacking(header: Header, cls: str) -> list[str]:
    """What a whole checkpoint has and this file has not, as people call it."""
    wanted = {"CLIP-L": CLIPS["text_encoder"]}
    wanted |= {"CLIP-G": CLIPS["text_encoder_2"]} if cls == SD3_NETWORK else {"T5": text_prefix("", {"model_type": "t5"})}
    lacking = [title for title, begin in wanted.items() if not any(name.startswith(begin) for name in header.shapes)]
    return lacking + ([] if any(name.startswith(VAES) for name in header.shapes) else ["autoencoder"])
