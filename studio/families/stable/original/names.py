"""What the original code calls the weights of a part, told by the config that diffusers has for it. No torch.

UNets are `openaimodel.UNetModel`, autoencoders `autoencoder.AutoencoderKL` (github.com/CompVis/stable-diffusion,
github.com/Stability-AI/stablediffusion); text encoders are transformers' CLIPTextModel, or OpenCLIP's, whose queries, keys and
values are one matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from studio.core.files import Json

UNET, VAE = "model.diffusion_model.", "first_stage_model."
CROSSED = "CrossAttn"  # begins the type of a block that reads text
RESNET = ("in_layers.0", "in_layers.2", "emb_layers.1", "out_layers.0", "out_layers.3")
BLOCK = ("norm1", "norm2", "norm3", "attn1.to_out.0", "attn2.to_out.0", "ff.net.0.proj", "ff.net.2")
WITHOUT_BIAS = tuple(f"{attention}.to_{x}.weight" for attention in ("attn1", "attn2") for x in "qkv")
CLIP_LAYER = ("layer_norm1", "layer_norm2", "mlp.fc1", "mlp.fc2", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
              "self_attn.out_proj")  # fmt: skip
OPEN_CLIP_LAYER = ("ln_1", "ln_2", "mlp.c_fc", "mlp.c_proj", "attn.out_proj")


def names_of(part: str, config: Json, there: Collection[str]) -> set[str]:
    """Every weight of a part under the name it has in the file. there: names in the file, which say which of its ways of naming
    a file has. ValueError where the config is of a network that the original code has no names for."""
    try:
        if part == "unet":
            return {f"{unet_prefix(there)}{name}" for name in _unet(config)}
        if part == "vae":
            return {f"{VAE}{name}" for name in _vae(config)}
        prefix, names = text_way(part, there)
        return {f"{prefix}{name}" for name in names(config)}
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"its {part}/config.json does not say all that the original layout needs") from error


def unet_prefix(there: Collection[str]) -> str:
    """A UNet alone has perhaps none."""
    return "" if "input_blocks.0.0.weight" in there else UNET


def text_way(part: str, there: Collection[str]) -> tuple[str, Callable[[Json], Iterator[str]]]:
    """(what begins the names of a text encoder, its names behind that)."""
    ways = TEXT[part]
    return next((way for way in ways if any(name.startswith(way[0]) for name in there)), ways[0])


def _both(*layers: str) -> Iterator[str]:
    for layer in layers:
        yield f"{layer}.weight"
        yield f"{layer}.bias"


# -- UNet ----------------------------------------------------------------------------------------------------------------


def _unet(config: Json) -> Iterator[str]:
    """With L layers a block: down block b is input blocks b(L+1)+1 and on, its downsampler the last of them; up block b is
    output blocks b(L+1) and on, its upsampler within the last of them."""
    widths, layers, down, up = (
        config[k] for k in ("block_out_channels", "layers_per_block", "down_block_types", "up_block_types")
    )
    depths = _depths(config, len(widths))
    yield from _both("time_embed.0", "time_embed.2", "input_blocks.0.0", "out.0", "out.2")
    if config.get("addition_embed_type") == "text_time":
        yield from _both("label_emb.0.0", "label_emb.0.2")
    for b, kind in enumerate(down):
        for i in range(layers):
            at = f"input_blocks.{b * (layers + 1) + 1 + i}"
            yield from _resnet(f"{at}.0", other_width=i == 0 and b > 0 and widths[b] != widths[b - 1])
            if kind.startswith(CROSSED):
                yield from _transformer(f"{at}.1", depths[b])
        if b < len(down) - 1:
            yield from _both(f"input_blocks.{(b + 1) * (layers + 1)}.0.op")
    yield from _resnet("middle_block.0")
    yield from _transformer("middle_block.1", depths[-1])
    yield from _resnet("middle_block.2")
    for b, kind in enumerate(up):
        for i in range(layers + 1):
            at = f"output_blocks.{b * (layers + 1) + i}"
            yield from _resnet(f"{at}.0", other_width=True)
            if kind.startswith(CROSSED):
                yield from _transformer(f"{at}.1", depths[-1 - b])
        if b < len(up) - 1:
            yield from _both(f"{at}.{2 if kind.startswith(CROSSED) else 1}.conv")


def _depths(config: Json, blocks: int) -> Sequence[int]:
    """Transformer blocks of every stage on the way down."""
    depth = config.get("transformer_layers_per_block", 1)
    return depth if isinstance(depth, list) else [depth] * blocks


def _resnet(at: str, other_width: bool = False) -> Iterator[str]:
    yield from _both(*(f"{at}.{layer}" for layer in RESNET))
    if other_width:
        yield from _both(f"{at}.skip_connection")


def _transformer(at: str, depth: int) -> Iterator[str]:
    yield from _both(f"{at}.norm", f"{at}.proj_in", f"{at}.proj_out")
    for i in range(depth):
        block = f"{at}.transformer_blocks.{i}"
        yield from _both(*(f"{block}.{layer}" for layer in BLOCK))
        yield from (f"{block}.{name}" for name in WITHOUT_BIAS)


# -- autoencoder ---------------------------------------------------------------------------------------------------------


def _vae(config: Json) -> Iterator[str]:
    widths, layers = config["block_out_channels"], config.get("layers_per_block", 1)
    last = len(widths) - 1
    yield from _both(*(layer for layer in ("quant_conv", "post_quant_conv") if config.get(f"use_{layer}", True)))
    for side in ("encoder", "decoder"):
        yield from _both(*(f"{side}.{layer}" for layer in ("conv_in", "norm_out", "conv_out")))
        yield from _both(*(f"{side}.mid.attn_1.{layer}" for layer in ("norm", "q", "k", "v", "proj_out")))
        for block in ("block_1", "block_2"):
            yield from _vae_resnet(f"{side}.mid.{block}")
    for b, width in enumerate(widths):
        for i in range(layers):
            yield from _vae_resnet(f"encoder.down.{b}.block.{i}", other_width=i == 0 and b > 0 and widths[b - 1] != width)
        for i in range(layers + 1):
            yield from _vae_resnet(f"decoder.up.{b}.block.{i}", other_width=i == 0 and b < last and widths[b + 1] != width)
        if b < last:
            yield from _both(f"encoder.down.{b}.downsample.conv")
        if b > 0:
            yield from _both(f"decoder.up.{b}.upsample.conv")


def _vae_resnet(at: str, other_width: bool = False) -> Iterator[str]:
    yield from _both(*(f"{at}.{layer}" for layer in ("norm1", "conv1", "norm2", "conv2")))
    if other_width:
        yield from _both(f"{at}.nin_shortcut")


# -- text encoders -------------------------------------------------------------------------------------------------------


def clip_names(config: Json) -> Iterator[str]:
    yield from (f"text_model.embeddings.{words}_embedding.weight" for words in ("token", "position"))
    yield from _both("text_model.final_layer_norm")
    for i in range(config["num_hidden_layers"]):
        yield from _both(*(f"text_model.encoder.layers.{i}.{layer}" for layer in CLIP_LAYER))


def _open_clip(config: Json) -> Iterator[str]:
    yield from ("token_embedding.weight", "positional_embedding")
    yield from _both("ln_final")
    for i in range(config["num_hidden_layers"]):
        at = f"transformer.resblocks.{i}"
        yield from (f"{at}.attn.in_proj_weight", f"{at}.attn.in_proj_bias")
        yield from _both(*(f"{at}.{layer}" for layer in OPEN_CLIP_LAYER))


def _open_clip_projected(config: Json) -> Iterator[str]:
    yield "text_projection"
    yield from _open_clip(config)


TEXT = {
    "text_encoder": (
        ("cond_stage_model.transformer.", clip_names),
        ("cond_stage_model.model.", _open_clip),
        ("conditioner.embedders.0.transformer.", clip_names),
    ),
    "text_encoder_2": (("conditioner.embedders.1.model.", _open_clip_projected),),
}
