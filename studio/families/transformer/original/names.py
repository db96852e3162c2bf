"""What the weights of a part are called in a single file, told by the config that diffusers has for it. No torch.

Networks have the names of the original code (`families.original_transformers`); text encoders those of transformers, behind
`text_encoders.`; autoencoders those of `families.stable.original.names`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from studio.core.files import Json
from studio.families.original_transformers import FLUX, SD3, Original, Rows, original_weights
from studio.families.stable.original import names as stable

PREFIX = "model.diffusion_model."
VAES = ("first_stage_model.", "vae.")
CLIPS = {"text_encoder": "text_encoders.clip_l.transformer.", "text_encoder_2": "text_encoders.clip_g.transformer."}
T5 = "text_encoders.t5xxl.transformer."
PROJECTION = "text_projection.weight"  # of a CLIP, which files leave out where it changes nothing
FIRST = {
    "SD3Transformer2DModel": "joint_blocks.0.x_block.attn.qkv.weight",
    "FluxTransformer2DModel": "single_blocks.0.linear1.weight",
}
SCALES = (".scale_weight", ".weight_scale")  # of weights in scaled 8 bits, what they are multiplied with
BESIDES = (*SCALES, ".scale_input", ".input_scale", ".comfy_quant", "scaled_fp8")  # what says how numbers are stored
NORMS = ("norm_q", "norm_k", "norm_added_q", "norm_added_k")
LAST_TEXT = ("attn.to_add_out", "ff_context.net.0.proj", "ff_context.net.2")  # what SD3's last block has not


def prefix_of(there: Collection[str]) -> str:
    """What begins the names of the network; one alone has perhaps nothing."""
    return "" if any(name in there for name in FIRST.values()) else PREFIX


def vae_prefix(there: Collection[str]) -> str:
    return next((prefix for prefix in VAES if f"{prefix}decoder.conv_in.weight" in there), VAES[0])


def text_prefix(part: str, config: Json) -> str:
    return T5 if config.get("model_type") == "t5" else CLIPS[part]


def names_of(part: str, config: Json, there: Collection[str]) -> set[str]:
    """Every weight of a part under the name it has in the file. ValueError where the config does not say it."""
    try:
        if part == "transformer":
            return {f"{prefix_of(there)}{name}" for name in rows_of(config)}
        if part == "vae":
            found = {name.removeprefix(stable.VAE) for name in stable.names_of("vae", config, there)}
            return {f"{vae_prefix(there)}{name}" for name in found}
        begin, t5 = text_prefix(part, config), config.get("model_type") == "t5"
        names = {f"{begin}{name}" for name in (_t5(config) if t5 else stable.clip_names(config))}
        return names if t5 else names | ({f"{begin}{PROJECTION}"} & set(there))
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"its {part}/config.json does not say all that the original layout needs") from error


def rows_of(config: Json) -> Mapping[str, tuple[Rows, ...]]:
    """{weight in the original code: weights of diffusers' network that its rows are}."""
    paths = set(_layers(config))
    weights = {f"{path}.weight" for path in paths} | {f"{path}.bias" for path in paths if not path.endswith(NORMS)}
    return original_weights(weights)


def shapes_here(config: Json, there: Mapping[str, tuple[int, ...]]) -> dict[str, list[int]]:
    """Shapes of the network's weights under the names of diffusers, from those in a file."""
    found: dict[str, list[int]] = {}
    for name, rows in rows_of(config).items():
        shape = there.get(f"{prefix_of(there)}{name}")
        for i, one in enumerate(rows if shape else ()):
            assert shape is not None
            width = shape[1] if len(shape) > 1 else int(config["num_attention_heads"]) * int(config["attention_head_dim"])
            even = shape[0] // len(rows)
            count = even if "proj_mlp" not in rows[-1].path else width if i < len(rows) - 1 else shape[0] - width * i
            found[one.path] = [count, *shape[1:]]
    return found


def _layers(config: Json) -> Iterator[str]:
    network, blocks = _network(config)
    for (path,) in network.outside.values():
        if "guidance_embedder" not in path or config.get("guidance_embeds"):
            yield path
    twice, normed = config.get("dual_attention_layers") or (), config.get("qk_norm")
    for (_, here, table), count in zip(network.blocks, blocks, strict=True):
        for i in range(count):
            for path in (path for paths in table.values() for path in paths):
                last = network is SD3 and i == count - 1 and path in LAST_TEXT
                second = path.startswith("attn2.") and i not in twice
                if not (last or second or (network is SD3 and path.endswith(NORMS) and not normed)):
                    yield f"{here}.{i}.{path}"


def _network(config: Json) -> tuple[Original, list[int]]:
    if config["_class_name"] == "FluxTransformer2DModel":
        return FLUX, [int(config["num_layers"]), int(config["num_single_layers"])]
    return SD3, [int(config["num_layers"])]


def _t5(config: Json) -> Iterator[str]:
    yield from ("shared.weight", "encoder.final_layer_norm.weight")
    yield "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    gated = str(config.get("feed_forward_proj", "relu")).startswith("gated")
    for i in range(config["num_layers"]):
        at = f"encoder.block.{i}.layer"
        yield from (f"{at}.0.SelfAttention.{x}.weight" for x in "qkvo")
        yield from (f"{at}.1.DenseReluDense.{x}.weight" for x in (("wi_0", "wi_1", "wo") if gated else ("wi", "wo")))
        yield from (f"{at}.{j}.layer_norm.weight" for j in (0, 1))
