"""What the weights of a ControlNet are called by diffusers and by the original code, told by the config of diffusers. No torch.

Originals are `cldm.ControlNet` (github.com/lllyasviel/ControlNet): the encoder of a UNet, `input_hint_block`, whose layers
alternate with activations, and convolutions that began at zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from studio.core.files import Json
from studio.families.stable.original.names import BLOCK, CROSSED, WITHOUT_BIAS

PREFIX = "control_model."  # of a ControlNet kept with the checkpoint it was made from, or as one
RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
          "conv2": "out_layers.3"}  # fmt: skip
Pairs = Iterator[tuple[str, str]]  # (of diffusers, original)


def control_names(config: Json) -> dict[str, str]:
    """Name of every weight in a diffusers ControlNetModel -> the original one, without a prefix. ValueError where the config does
    not say enough."""
    try:
        return dict(_weights(config))
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError("its config.json does not say all that a ControlNet's shape follows from") from error


def _weights(config: Json) -> Pairs:
    for ours, theirs in _layers(config):
        if theirs.endswith(WITHOUT_BIAS):
            yield ours, theirs
        else:
            yield f"{ours}.weight", f"{theirs}.weight"
            yield f"{ours}.bias", f"{theirs}.bias"


def _layers(config: Json) -> Pairs:
    widths, layers, down = config["block_out_channels"], config["layers_per_block"], config["down_block_types"]
    depths = _depths(config)
    yield from (("conv_in", "input_blocks.0.0"), ("time_embedding.linear_1", "time_embed.0"))
    yield "time_embedding.linear_2", "time_embed.2"
    if config.get("addition_embed_type") == "text_time":
        yield from (("add_embedding.linear_1", "label_emb.0.0"), ("add_embedding.linear_2", "label_emb.0.2"))
    for b, kind in enumerate(down):
        for i in range(layers):
            at = b * (layers + 1) + 1 + i
            wider = i == 0 and b > 0 and widths[b] != widths[b - 1]
            yield from _resnet(f"down_blocks.{b}.resnets.{i}", f"input_blocks.{at}.0", wider)
            if kind.startswith(CROSSED):
                yield from _transformer(f"down_blocks.{b}.attentions.{i}", f"input_blocks.{at}.1", depths[b])
        if b < len(down) - 1:
            yield f"down_blocks.{b}.downsamplers.0.conv", f"input_blocks.{(b + 1) * (layers + 1)}.0.op"
    yield from _resnet("mid_block.resnets.0", "middle_block.0")
    if config.get("mid_block_type", "UNetMidBlock2DCrossAttn") == "UNetMidBlock2DCrossAttn":
        yield from _transformer("mid_block.attentions.0", "middle_block.1", depths[-1])
        yield from _resnet("mid_block.resnets.1", "middle_block.2")
    yield from ((f"controlnet_down_blocks.{n}", f"zero_convs.{n}.0") for n in range((layers + 1) * len(down)))
    yield "controlnet_mid_block", "middle_block_out.0"
    yield from _hint(len(config.get("conditioning_embedding_out_channels") or (16, 32, 96, 256)))


def _hint(levels: int) -> Pairs:
    """The hint encoder: a layer, two for each halving, a last one."""
    blocks = 2 * (levels - 1)
    yield "controlnet_cond_embedding.conv_in", "input_hint_block.0"
    yield from ((f"controlnet_cond_embedding.blocks.{i}", f"input_hint_block.{2 * i + 2}") for i in range(blocks))
    yield "controlnet_cond_embedding.conv_out", f"input_hint_block.{2 * blocks + 2}"


def _resnet(ours: str, theirs: str, wider: bool = False) -> Pairs:
    yield from ((f"{ours}.{one}", f"{theirs}.{other}") for one, other in RESNET.items())
    if wider:
        yield f"{ours}.conv_shortcut", f"{theirs}.skip_connection"


def _transformer(ours: str, theirs: str, depth: int) -> Pairs:
    yield from ((f"{ours}.{layer}", f"{theirs}.{layer}") for layer in ("norm", "proj_in", "proj_out"))
    for i in range(depth):
        inner = (*(f"transformer_blocks.{i}.{layer}" for layer in BLOCK), *(f"transformer_blocks.{i}.{n}" for n in WITHOUT_BIAS))
        yield from ((f"{ours}.{layer}", f"{theirs}.{layer}") for layer in inner)


def _depths(config: Json) -> Sequence[int]:
    """Transformer blocks of every stage."""
    depth = config.get("transformer_layers_per_block") or 1
    return depth if isinstance(depth, list | tuple) else [depth] * len(config["block_out_channels"])
