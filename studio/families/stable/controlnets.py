"""ControlNets: files with differences from an encoder, folders that diffusers writes, and those that are on in a live model.

A file (`control.safetensors`) holds what `core.control_differences.Differences` learned, in half precision, and in its header
the hint encoder's channels, the base it was trained on and a card. Opened, it is a `diffusers.ControlNetModel` like any other,
and `export` writes that as a folder which `ControlNetModel.from_pretrained` reads without this project.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from studio.core.control_differences import restored
from studio.core.denoiser import Cond
from studio.core.files import Json
from studio.core.weights import forget_places, load_weights, save_weights, system_errors
from studio.families.layout import ORIGINAL
from studio.families.stable.halves import are_equal, computed_once
from studio.families.stable.original.control_names import PREFIX, control_names
from studio.families.stable.original.controls import SAME
from studio.sampling.segment import HintPairs, hint_key

if TYPE_CHECKING:
    from diffusers.models.controlnets.controlnet import ControlNetModel
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

FORMAT = "distillation-studio.controlnet.1"
CLASS = "ControlNetModel"


def write(path: Path, tensors: Mapping[str, Tensor], channels: Sequence[int], card: Json) -> None:
    """Differences as one file. card: where they come from (JSON); "base" and "base_hash" name what they differ from."""
    _refuse_broken(tensors, path.name)
    halves = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
    save_weights(path, halves, {"format_of": FORMAT, "channels": list(channels), "card": dict(card)})


def read_card(path: Path) -> Json:
    """The card in a file's header."""
    return dict(_header(path)[1])


def open_control(path: Path | str, unet: UNet2DConditionModel) -> ControlNetModel:
    """A ControlNet for a UNet, float32 and frozen: from a file with differences (``unet`` is then the base they were trained
    on, or a student whose own encoder is to be used), or from a folder that diffusers wrote.

    FileNotFoundError or ValueError in one sentence where it is not there or made for another architecture.
    """
    path = Path(path)
    control = _from_file(path, unet) if path.suffix == ".safetensors" else _from_folder(path)
    check_fits(control, unet, path.name)
    return control


def check_fits(control: ControlNetModel, unet: UNet2DConditionModel, name: str) -> None:
    """ValueError in one sentence where a ControlNet was made for another architecture than the UNet has."""
    for key in SAME:
        ours, theirs = unet.config.get(key), control.config.get(key)
        if _plain(ours) != _plain(theirs):
            raise ValueError(
                f"the ControlNet {name!r} was made for another architecture: its {key} is {_plain(theirs)} and this "
                f"model's {_plain(ours)}; one trained on this kind of model would fit"
            )


def export(control: ControlNetModel, folder: Path, half: bool = True) -> None:
    """A folder for `diffusers.ControlNetModel.from_pretrained`; ``half`` stores half precision."""
    import copy

    written = copy.deepcopy(control)
    nn.Module.to(written, torch.float16 if half else torch.float32)
    with system_errors():
        written.save_pretrained(folder)
    forget_places(folder)


class Controls:
    """The ControlNets a model has at hand, and those that are on."""

    def __init__(self, unet: UNet2DConditionModel):
        self.unet = unet
        self.networks: dict[str, ControlNetModel] = {}
        self.on: HintPairs = ()
        self._seen: dict[str, tuple[Tensor, Tensor]] = {}  # the last picture and what the hint encoder made of it

    def add(self, name: str, control: ControlNetModel) -> None:
        """Keep one under a name, off. It is moved to the UNet's device and precision."""
        if name in self.networks:
            raise ValueError(f"ControlNet {name!r} is already loaded; another name would fit")
        check_fits(control, self.unet, name)
        like = next(self.unet.parameters())
        nn.Module.to(control, like.device, like.dtype)  # diffusers' own warns of any change of precision
        self.networks[name] = nn.Module.to(control, memory_format=torch.channels_last).eval().requires_grad_(False)  # type: ignore[call-overload]

    def remove(self, name: str) -> None:
        if name not in self.networks:
            raise ValueError(f"ControlNet {name!r} is not loaded; {', '.join(self.networks) or 'none'} is")
        del self.networks[name]
        self._seen.pop(name, None)
        self.use([pair for pair in self.on if pair[0] != name])

    def use(self, wanted: Sequence[tuple[str, float]]) -> None:
        """Exactly these (name, weight) pairs are on; a weight of 0 is off."""
        for name, weight in wanted:
            if name not in self.networks:
                raise ValueError(f"ControlNet {name!r} is not loaded; {', '.join(self.networks) or 'none'} is")
            if not math.isfinite(weight):
                raise ValueError(f"a weight of {weight} for ControlNet {name!r} does not fit; a finite number would")
        self.on = tuple(sorted((name, float(weight)) for name, weight in wanted if weight))

    def to(self, device: str | torch.device) -> None:
        for control in self.networks.values():
            nn.Module.to(control, device)
        self._seen.clear()

    def residuals(
        self, x: Tensor, t: Tensor, cond: Cond, states: Tensor, halves: bool, extra: Mapping[str, object]
    ) -> dict[str, Tensor | tuple[Tensor, ...]]:
        """What the UNet is given besides, of all that are on: keyword arguments of its forward, none where none is on.

        x [B, C, h, w] and states in the network's precision; extra: further arguments that both networks take. halves: the
        rows of x are equal halves (`families.halves`).
        """
        down: list[Tensor] = []
        middle: Tensor | None = None
        for name, weight in self.on:
            control = self.networks[name]
            seen = self._embedded(name, cond, x)
            once = halves and are_equal(seen, t)
            control.controlnet_cond_embedding.forward = lambda _, seen=seen: seen  # type: ignore[method-assign, misc]
            try:
                with computed_once(control) if once else nullcontext():
                    d, m = control(x, t, states, x, conditioning_scale=weight, return_dict=False, **extra)
            finally:
                del control.controlnet_cond_embedding.forward
            down = [a + b for a, b in zip(down, d, strict=True)] if down else list(d)
            middle = m if middle is None else middle + m
        if middle is None:
            return {}
        return {"down_block_additional_residuals": tuple(down), "mid_block_additional_residual": middle}

    def _embedded(self, name: str, cond: Cond, x: Tensor) -> Tensor:
        """The hint encoder's output [B, C', h, w]; computed anew only when the picture is another tensor than last time."""
        hint = cond.get(hint_key(name))
        if hint is None:
            raise ValueError(
                f"the ControlNet {name!r} is on and has no picture; one among the conditions as {hint_key(name)!r} would fit"
            )
        kept = self._seen.get(name)
        if kept is not None and kept[0] is hint:
            return kept[1].expand(len(x), -1, -1, -1)
        config = self.networks[name].config
        by = 2 ** (len(config["conditioning_embedding_out_channels"]) - 1)
        wanted = (int(config.get("conditioning_channels", 3)), x.shape[-2] * by, x.shape[-1] * by)
        if hint.ndim != 4 or tuple(hint.shape[1:]) != wanted or len(hint) not in (1, len(x)):
            raise ValueError(
                f"a picture of shape {list(hint.shape)} does not fit the ControlNet {name!r}; {len(x)} (or one for "
                f"all) of {list(wanted)} would"
            )
        if not bool(torch.isfinite(hint).all()):
            raise ValueError(f"the picture for the ControlNet {name!r} holds NaN or infinity; values from 0 to 1 would fit")
        given = hint.to(x)
        if config.get("controlnet_conditioning_channel_order", "rgb") == "bgr":
            given = given.flip(1)
        made = self.networks[name].controlnet_cond_embedding(given)
        self._seen[name] = (hint, made)
        return made.expand(len(x), -1, -1, -1)


def _from_file(path: Path, unet: UNet2DConditionModel) -> ControlNetModel:
    channels, _ = _header(path)
    tensors, _ = load_weights(path)
    _refuse_broken(tensors, path.name)
    try:
        return restored(unet, tensors, tuple(channels))
    except ValueError as error:
        raise ValueError(f"the ControlNet {path.name!r} does not fit: {error}") from error


def _header(path: Path) -> tuple[list[int], Json]:
    """(channels of the hint encoder, card) of a file with differences."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileNotFoundError(f"ControlNet file {path.name!r} is not there; a control.safetensors of this studio would fit")
    try:
        with safe_open(str(path), framework="pt") as file:
            header = dict(file.metadata() or {})
        channels, card = json.loads(header.get("channels", "null")), json.loads(header.get("card", "{}"))
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise ValueError(f"{path.name!r} cannot be read as safetensors; a file this studio wrote would fit") from error
    whole = (
        isinstance(channels, list) and 2 <= len(channels) <= 8 and all(isinstance(c, int) and 0 < c < 10_000 for c in channels)
    )
    if header.get("format_of") != FORMAT or not whole or not isinstance(card, dict):
        raise ValueError(
            f"{path.name!r} holds no ControlNet of this studio; a control.safetensors, or a folder that diffusers "
            "wrote, would fit"
        )
    return channels, card


def _from_folder(folder: Path) -> ControlNetModel:
    """A diffusers ControlNetModel. Its own class list is not trusted: the folder must say it is one."""
    from diffusers.models.controlnets.controlnet import ControlNetModel

    config_file = folder / "config.json"
    if not config_file.is_file():
        what = "has no config.json" if folder.is_dir() else "is not there"
        raise FileNotFoundError(f"ControlNet folder {folder.name!r} {what}; a folder that diffusers wrote would fit")
    try:
        config = json.loads(config_file.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"config.json of {folder.name!r} is not JSON; the file diffusers writes would fit") from error
    found = config.get("_class_name") if isinstance(config, dict) else None
    if found != CLASS:
        raise ValueError(f"{folder.name!r} holds a {found}; a {CLASS} would fit")
    if (folder / ORIGINAL).is_file():
        return _from_original(folder, config)
    kinds = {file.name.split(".")[-2] for file in folder.glob("*.safetensors")}
    if not kinds:
        raise FileNotFoundError(f"ControlNet folder {folder.name!r} has no .safetensors file; weights in that format would fit")
    variant = {"variant": "fp16"} if kinds == {"fp16"} else {}
    try:
        control: ControlNetModel = ControlNetModel.from_pretrained(
            folder, torch_dtype=torch.float32, local_files_only=True, use_safetensors=True, **variant
        )
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"the weights of ControlNet folder {folder.name!r} cannot be read, or are not those its config.json "
            "describes; a folder that diffusers wrote would fit"
        ) from error
    _refuse_broken(control.state_dict(), folder.name)
    return control.eval().requires_grad_(False)


def _from_original(folder: Path, config: Json) -> ControlNetModel:
    """Weights under the names of the original code, with a config beside them that says what they are of."""
    from diffusers.models.controlnets.controlnet import ControlNetModel
    from safetensors import SafetensorError, safe_open

    try:
        control: ControlNetModel = ControlNetModel.from_config(config)
        with safe_open(str(folder / ORIGINAL), framework="pt") as file:  # which may hold a checkpoint besides
            prefix = PREFIX if any(name.startswith(PREFIX) for name in file.keys()) else ""  # noqa: SIM118 - not a dict
            names = control_names(config).items()
            control.load_state_dict({ours: file.get_tensor(f"{prefix}{theirs}").float() for ours, theirs in names})
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"the weights of {folder.name!r} cannot be read, or are not those its config.json describes; a whole file of the "
            "ControlNet would fit"
        ) from error
    _refuse_broken(control.state_dict(), folder.name)
    return control.eval().requires_grad_(False)


def _refuse_broken(tensors: Mapping[str, Tensor], name: str) -> None:
    broken = [key for key, value in tensors.items() if value.is_floating_point() and not bool(torch.isfinite(value).all())]
    if broken:
        raise ValueError(
            f"{len(broken)} of {len(tensors)} tensors of {name!r} hold NaN or infinity, {broken[0]} first; the "
            "training that wrote them has failed"
        )


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple | list) else value
