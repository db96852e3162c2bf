"""Smaller students: a UNet with blocks left out or with narrower layers, which begins with its teacher's own weights.

Depth as in BK-SDM (Kim et al. 2023, arXiv 2305.15798, section 3): without the middle block; and with the second layer of
every stage left out, where a stage has one (on the way up the first and the last layer stay, which read what the two ends
of the stage on the way down pass over). Width: every stage keeps the same share of its channels and weights are sliced;
normalisation groups, attention heads and the two halves of gated layers each lose the same share, so that what belongs
together stays together. The time embedding keeps its width: it costs one row a sample, not one a pixel.

What a form does to a config needs no torch, so that a request can be checked where it is made.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from studio.core.files import Json
from studio.core.footprint import Smaller

if TYPE_CHECKING:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

Config = Json  # of a UNet, as diffusers writes it
MIDDLE = "UNetMidBlock2DCrossAttn"  # where a config does not say, as those of Stable Diffusion 1.x and 2.x
BLOCKS = {"DownBlock2D", "CrossAttnDownBlock2D", MIDDLE, "UpBlock2D", "CrossAttnUpBlock2D", None}
# What slicing knows the meaning of; None stands for "not in the config".
PLAIN = {
    "class_embed_type": None, "num_class_embeds": None, "time_embedding_type": "positional", "attention_type": "default",
    "resnet_time_scale_shift": "default", "dual_cross_attention": False, "class_embeddings_concat": False,
}  # fmt: skip


# -- configs -------------------------------------------------------------------------------------------------------------


def smaller_config(config: Config, form: Smaller, name: str = "this model") -> Json:
    """The config of the smaller UNet. ValueError in one sentence when the form does not fit; ``name`` begins it."""
    new = dict(config)
    if form.middle:
        if config.get("mid_block_type", MIDDLE) is None:
            raise ValueError(f"{name} has no middle block, so it cannot be left out; a width below 1 would make it smaller.")
        new["mid_block_type"] = None
    if form.layers:
        layers = layers_of(config)
        if max(layers) < 2:
            raise ValueError(f"{name} has one layer a stage, so there is no second one to leave out; middle would fit.")
        fewer = [n if n < 2 else n - 1 for n in layers]
        new["layers_per_block"] = fewer if len(set(fewer)) > 1 else fewer[0]
    if form.width < 1:
        new["block_out_channels"] = _narrower(new, form.width, name)
        # the first linear layer's width follows from the first stage's, the embedding's own need not
        new["time_embedding_dim"] = config.get("time_embedding_dim") or 4 * config["block_out_channels"][0]
    return new


def layers_of(config: Config) -> list[int]:
    """Layers of every stage on the way down; on the way up there is one more."""
    layers = config["layers_per_block"]
    return [int(n) for n in layers] if isinstance(layers, (list, tuple)) else [int(layers)] * len(config["block_out_channels"])


def heads_of(config: Config) -> list[int]:
    """Attention heads of every stage; diffusers calls their number ``attention_head_dim``."""
    heads = config.get("num_attention_heads") or config["attention_head_dim"]
    return [int(n) for n in heads] if isinstance(heads, (list, tuple)) else [int(heads)] * len(config["block_out_channels"])


def _narrower(config: Config, width: float, name: str) -> list[int]:
    """Channels of every stage: the nearest to this share that leaves whole normalisation groups and attention heads."""
    odd = next((k for k, usual in PLAIN.items() if config.get(k, usual) not in (usual, None)), None)
    foreign = sorted({*config["down_block_types"], config.get("mid_block_type", MIDDLE), *config["up_block_types"]} - BLOCKS)
    if odd or foreign or not config.get("norm_num_groups"):
        what = f"{odd} is {config[odd]}" if odd else f"it has {foreign[0]} blocks" if foreign else "it has no group norms"
        raise ValueError(f"{name} cannot be made narrower, because {what}; leaving out its middle block would fit.")
    old = [int(c) for c in config["block_out_channels"]]
    units = [math.lcm(int(config["norm_num_groups"]), heads) for heads in heads_of(config)]
    new = [unit * max(1, math.ceil(c * width / unit - 0.5)) for c, unit in zip(old, units, strict=True)]
    if new == old:
        most = max((1 - unit / (2 * c) for c, unit in zip(old, units, strict=True) if c > unit), default=0.0)
        fits = f"{math.floor(100 * most) / 100:g} or less would fit" if most else "no width below 1 fits"
        raise ValueError(f"{name} has stages of {', '.join(map(str, old))} channels, which a width of {width:g} leaves; {fits}.")
    if len(set(zip(old, new, strict=True))) != len(set(new)):
        raise ValueError(f"A width of {width:g} would make stages of {name} equally wide that are not; a larger one would fit.")
    return new


# -- weights -------------------------------------------------------------------------------------------------------------


def make_smaller(unet: UNet2DConditionModel, form: Smaller) -> UNet2DConditionModel:
    """A smaller UNet (float32, on the same device) with the weights of this diffusers UNet2DConditionModel that stay.

    They are not scaled up for the inputs that go: on nano and pocket that made the untrained student's error larger.
    """
    from torch import nn

    config = {k: v for k, v in unet.config.items() if not k.startswith("_")}
    new = cast("UNet2DConditionModel", type(unet).from_config(smaller_config(config, form)))
    had, wanted = unet.state_dict(), new.state_dict()
    slices = _Slices(config, dict(new.config))
    state = {}
    for name, like in wanted.items():
        weight = had[slices.old_name(name)].detach().float()
        for axis in range(weight.ndim):
            if weight.shape[axis] != like.shape[axis]:
                weight = weight[(slice(None),) * axis + (slices.index(name, axis, weight.shape[axis], like.shape[axis]),)]
        state[name] = weight.contiguous()
    new.load_state_dict(state)
    return nn.Module.to(new, next(unet.parameters()).device)


class _Slices:
    """Which weights of the old network a new one has, by name and axis."""

    def __init__(self, old: Config, new: Config):
        self.old, self.new = old, new
        self.layers = [(a, b) for a, b in zip(layers_of(old), layers_of(new), strict=True)]
        self.heads, self.groups = heads_of(old), int(old.get("norm_num_groups") or 1)

    def old_name(self, name: str) -> str:
        """Layers that stay move up: of [0, 1, 2, …] the second is gone."""
        found = re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.*)", name)
        if found is None:
            return name
        way, stage, kind, layer, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
        had, has = self.layers[stage if way == "down" else -1 - stage]
        at = layer + (had - has) if layer > 0 else 0
        return f"{way}_blocks.{stage}.{kind}.{at}.{rest}"

    def index(self, name: str, axis: int, old: int, new: int) -> list[int]:
        """Which of ``old`` entries of an axis stay, where ``new`` do."""
        before_up = re.match(r"up_blocks\.(\d+)\.resnets\.(\d+)\.(norm1|conv1|conv_shortcut)\.", name)
        if before_up and (axis == 1 or before_up[3] == "norm1"):
            return self._concatenated(int(before_up[1]), int(before_up[2]))
        if name.startswith("time_embedding.") and name.split(".")[1] in ("linear_1", "cond_proj"):
            return _frequencies(old, new, float(self.old.get("freq_shift") or 0))
        if (axis == 0 and re.search(r"\.to_[qkv]\.", name)) or (axis == 1 and ".to_out.0." in name):
            return spread(old, new, self._heads(name))
        if axis == 0 and ".ff.net.0.proj." in name:
            return spread(old, new, 2 * self.groups)  # values, then gates
        return spread(old, new, self.groups)

    def _heads(self, name: str) -> int:
        way, stage = name.split(".")[0], name.split(".")[1]
        return self.heads[-1] if way == "mid_block" else self.heads[int(stage) if way == "down_blocks" else -1 - int(stage)]

    def _concatenated(self, stage: int, layer: int) -> list[int]:
        """A layer on the way up reads what is below it, then what the way down passes over: two runs of channels."""
        out: list[int] = []
        start = 0
        for a, b in zip(*(self._inputs(config, stage, layer) for config in (self.old, self.new)), strict=True):
            out += [start + i for i in spread(a, b, self.groups)]
            start += a
        return out

    def _inputs(self, config: Config, stage: int, layer: int) -> tuple[int, int]:
        """(channels from below, channels passed over) of a layer of the *new* network, as diffusers lays its way up."""
        widths: Sequence[int] = [int(c) for c in reversed(config["block_out_channels"])]
        last = layer == self.layers[-1 - stage][1]
        below = widths[max(stage - 1, 0)] if layer == 0 else widths[stage]
        over = widths[min(stage + 1, len(widths) - 1)] if last else widths[stage]
        return below, over


def spread(old: int, new: int, groups: int) -> list[int]:
    """The same number from each of ``groups`` equal runs of an axis: the first ones of every run."""
    assert old % groups == 0 and new % groups == 0, (old, new, groups)
    width, kept = old // groups, new // groups
    return [run * width + i for run in range(groups) for i in range(kept)]


def _frequencies(old: int, new: int, shift: float) -> list[int]:
    """Of sines and cosines of ``old / 2`` frequencies those nearest to the ``new / 2`` that a narrower embedding has."""
    had, has = old // 2, new // 2
    near = [min(had - 1, round(i * (had - shift) / (has - shift))) for i in range(has)]
    return near + [had + i for i in near]
