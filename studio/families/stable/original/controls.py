"""Which ControlNet a folder or a single file holds, and for which base, from configs and headers alone. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.core.explain import brief
from studio.core.files import Json, read_json
from studio.families.layout import ORIGINAL, loaded
from studio.families.stable.original.control_names import PREFIX, control_names
from studio.families.stable.original.header import read_header
from studio.families.stable.original.kinds import TITLES
from studio.families.stable.original.names import CROSSED
from studio.families.stable.original.other_controls import CLASS, other_class, what_else
from studio.families.stable.original.shipped import LAYOUTS, NAMES

CONFIG = "config.json"
OURS = "diffusion_pytorch_model.safetensors"
# What a ControlNet takes over from the config of the UNet that it is for.
TAKEN = ("in_channels", "flip_sin_to_cos", "freq_shift", "down_block_types", "only_cross_attention", "block_out_channels",
         "layers_per_block", "downsample_padding", "mid_block_scale_factor", "act_fn", "norm_num_groups", "norm_eps",
         "cross_attention_dim", "transformer_layers_per_block", "attention_head_dim", "num_attention_heads",
         "use_linear_projection", "addition_embed_type", "addition_time_embed_dim", "upcast_attention", "resnet_time_scale_shift",
         "projection_class_embeddings_input_dim")  # fmt: skip
# What must be alike for one's residuals to fit the other's, and both to read the same text.
SAME = ("in_channels", "block_out_channels", "layers_per_block", "cross_attention_dim", "addition_embed_type",
        "projection_class_embeddings_input_dim")  # fmt: skip
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class FoundControl:
    """weights: the file. config: of diffusers' ControlNetModel. name: of the file in a folder of one, which says whose names its
    weights have. base: what it is for, "Stable Diffusion XL"; "" where its shape is of no published base."""

    weights: Path
    config: Json
    name: str
    base: str


def found_control(place: Path, layouts: Path = LAYOUTS) -> FoundControl:
    """place: a folder that diffusers wrote, or a file. ValueError in one sentence where it is no whole ControlNet of a UNet."""
    return _in_folder(place, layouts) if place.is_dir() else _in_file(place, layouts)


def made_for(config: Json, layouts: Path = LAYOUTS) -> str:
    """The published base of a ControlNet's shape, as people call it; "" for another shape."""
    return next((TITLES[name] for name, one in _bases(layouts) if not differing(config, one)), "")


def differing(control: Json, unet: Json) -> str:
    """The first setting in which a ControlNet and a UNet must be alike and are not; ""."""
    return next((key for key in SAME if control.get(key) != unet.get(key)), "")


def _bases(layouts: Path) -> Iterator[tuple[str, Json]]:
    for name in NAMES:
        config = read_json(layouts / name / "unet" / CONFIG)
        if config is not None:
            yield name, config


def _in_folder(folder: Path, layouts: Path) -> FoundControl:
    config = read_json(folder / CONFIG)
    shown = brief(folder.name)
    if config is None:
        raise ValueError(f"{shown} has no {CONFIG} that can be read; a folder that diffusers wrote would fit, or a file.")
    if other := other_class(config.get("_class_name")):
        raise ValueError(f"{shown} is {other}.")
    files = loaded(folder)
    if not files:
        raise ValueError(f"{shown} has no .safetensors file; weights in that format would fit.")
    if len(files) > 1:
        raise ValueError(f"{shown} has its weights in {len(files)} files; one file would fit.")
    header = read_header(files[0])
    if other := what_else(header.shapes.keys()):
        raise ValueError(f"{brief(files[0].name)} in {shown} is {other}.")
    try:
        _check(config, header.shapes, original=False)
    except ValueError as error:
        raise ValueError(f"{shown} cannot be used: {error}.") from error
    return FoundControl(files[0], config, OURS, made_for(config, layouts))


def _in_file(file: Path, layouts: Path) -> FoundControl:
    header, shown = read_header(file), brief(file.name)
    if other := what_else(header.shapes.keys()):
        raise ValueError(f"{shown} is {other}.")
    prefix = PREFIX if any(name.startswith(PREFIX) for name in header.shapes) else ""
    shapes = {name.removeprefix(prefix): shape for name, shape in header.shapes.items() if name.startswith(prefix)}
    original = any(name.startswith("input_hint_block.") for name in shapes)
    try:
        layout, config = _config(shapes, original, layouts)
        _check(config, shapes, original)
    except ValueError as error:
        raise ValueError(f"{shown} cannot be used: {error}.") from error
    return FoundControl(file, config, ORIGINAL if original else OURS, TITLES[layout])


def _config(shapes: Shapes, original: bool, layouts: Path) -> tuple[str, Json]:
    """(the layout of its base, the config that the file itself lacks). Which stages read text, and how deeply, is the file's own
    word; the rest is its base's."""
    stem, told = ("input_blocks.0.0", "label_emb.0.0") if original else ("conv_in", "add_embedding.linear_1")
    found = {
        "in_channels": _size(shapes, f"{stem}.weight", 1),
        "cross_attention_dim": _size(shapes, "attn2.to_k.weight", 1),
        "projection_class_embeddings_input_dim": _size(shapes, f"{told}.weight", 1),
    }
    width = _size(shapes, f"{stem}.weight", 0)
    unread = ("cross_attention_dim",) if found["cross_attention_dim"] is None else ()  # of one without attention
    for name, base in _bases(layouts):
        alike = all(base.get(key) == value for key, value in found.items() if key not in unread)
        if alike and width == _widths(base)[0]:
            config: Json = {"_class_name": CLASS} | {key: base[key] for key in TAKEN if key in base}
            return name, config | _depths(base, shapes, original) | _hint(shapes, original)
    said = ", ".join(f"{key} {value}" for key, value in found.items() if value is not None)
    raise ValueError(
        f"it is for no base that is known here ({said or 'nothing of its shape can be read'}); one of Stable "
        "Diffusion 1.x, 2.x or XL would fit, or a folder with its config.json"
    )


def _depths(base: Json, shapes: Shapes, original: bool) -> Json:
    """Which stages have attention, and of how many blocks each."""
    layers, kinds, depths = base["layers_per_block"], [], []
    for b in range(len(_widths(base))):
        at = f"input_blocks.{b * (layers + 1) + 1}.1." if original else f"down_blocks.{b}.attentions.0."
        crossed = f"{at}norm.weight" in shapes
        kinds.append(f"{CROSSED}DownBlock2D" if crossed else "DownBlock2D")
        depths.append(_blocks(shapes, at) if crossed else 1)
    at = "middle_block.1." if original else "mid_block.attentions.0."
    crossed = f"{at}norm.weight" in shapes
    if crossed and not kinds[-1].startswith(CROSSED):
        depths[-1] = _blocks(shapes, at)
    middle = "UNetMidBlock2DCrossAttn" if crossed else "UNetMidBlock2D"
    return {"down_block_types": kinds, "transformer_layers_per_block": depths, "mid_block_type": middle}


def _blocks(shapes: Shapes, at: str) -> int:
    begin = f"{at}transformer_blocks."
    return len({name.removeprefix(begin).split(".")[0] for name in shapes if name.startswith(begin)})


def _hint(shapes: Shapes, original: bool) -> Json:
    """conditioning_channels, and the widths of the hint encoder: of its first layer, and after each halving."""
    begin = "input_hint_block." if original else "controlnet_cond_embedding.blocks."
    rest = (name.removeprefix(begin).split(".")[0] for name in shapes if name.startswith(begin))
    numbers = sorted({int(n) for n in rest if n.isdigit()})
    first = f"{begin}0.weight" if original else "controlnet_cond_embedding.conv_in.weight"
    inner = numbers[1:-1] if original else numbers
    halved = [shapes[f"{begin}{n}.weight"][0] for n in inner[1::2] if f"{begin}{n}.weight" in shapes]
    if first not in shapes or len(shapes[first]) != 4 or len(inner) % 2:
        raise ValueError("its hint encoder lacks weights")
    return {"conditioning_channels": shapes[first][1], "conditioning_embedding_out_channels": [shapes[first][0], *halved]}


def _check(config: Json, shapes: Shapes, original: bool) -> None:
    """ValueError, to stand behind a colon, where weights are missing, are more, or are of other shapes than the config says."""
    if config.get("global_pool_conditions"):
        raise ValueError("it reads what a picture is like as a whole and not where things are, which is not done here")
    names = control_names(config)
    wanted = set(names.values()) if original else set(names)
    if missing := wanted - shapes.keys():
        raise ValueError(f"it lacks {len(missing)} of {len(wanted)} weights, {min(missing)} for one")
    if more := shapes.keys() - wanted:
        raise ValueError(f"it has {len(more)} weights that a ControlNet of its shape has not, {min(more)} for one")
    for name, axis, size in _sizes(config):
        shape = shapes[names[name] if original else name]
        if len(shape) <= axis or shape[axis] != size:
            raise ValueError(f"its {name} has the shape {list(shape)}, and {size} would fit at place {axis + 1}")


def _sizes(config: Json) -> Iterator[tuple[str, int, int]]:
    """(weight, axis, size): those that the sizes of all others follow from."""
    widths, channels = _widths(config), config.get("conditioning_embedding_out_channels") or (16, 32, 96, 256)
    yield from (("conv_in.weight", 0, widths[0]), ("conv_in.weight", 1, config["in_channels"]))
    for b, width in enumerate(widths):
        yield f"down_blocks.{b}.resnets.0.conv1.weight", 0, width
        if config["down_block_types"][b].startswith(CROSSED):
            key = f"down_blocks.{b}.attentions.0.transformer_blocks.0.attn2.to_k.weight"
            if key in control_names(config):
                yield key, 1, config["cross_attention_dim"]
    if config.get("addition_embed_type") == "text_time":
        yield "add_embedding.linear_1.weight", 1, config["projection_class_embeddings_input_dim"]
    yield "controlnet_cond_embedding.conv_in.weight", 1, config.get("conditioning_channels", 3)
    yield "controlnet_cond_embedding.conv_out.weight", 1, channels[-1]
    yield "controlnet_cond_embedding.conv_out.weight", 0, widths[0]


def _widths(config: Json) -> Sequence[int]:
    widths: Sequence[int] = config["block_out_channels"]
    return widths


def _size(shapes: Shapes, end: str, axis: int) -> int | None:
    """Of the first weight that is called so, or whose name ends so behind a dot."""
    found = shapes.get(end) or next((shape for name, shape in sorted(shapes.items()) if name.endswith(f".{end}")), ())
    return found[axis] if len(found) > axis else None
