"""Folders shaped like Stable Diffusion, read without torch: what they are, why one cannot be opened (`core.family.Family`)."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.explain import brief
from studio.core.family import Checkpoint
from studio.core.files import Json, read_json
from studio.core.footprint import Footprint, Smaller
from studio.families import FAMILIES
from studio.families.stable.footprint import footprint
from studio.families.stable.layout import LORA, original_of
from studio.families.stable.original.header import Header, read_header
from studio.families.stable.original.kinds import check_part
from studio.families.stable.smaller import MIDDLE, smaller_config
from studio.sampling.grids import spaced

if TYPE_CHECKING:
    import torch

    from studio.core.denoiser import Prediction
    from studio.core.family import OpenModel

INDEX = "model_index.json"
PIPELINES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
PREDICTIONS: dict[str, Prediction] = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}
CLASSES = {  # of the parts that are loaded, by the first word of their folder
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL", "AutoencoderTiny"),
    "text_encoder": ("CLIPTextModel", "CLIPTextModelWithProjection"),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
}
NETWORKS = ("unet", "vae", "text_encoder")  # that have weights
# What decides which layers a UNet has, and so which adapters fit it.
SHAPE = ("_class_name", "in_channels", "block_out_channels", "down_block_types", "mid_block_type", "up_block_types",
         "layers_per_block", "cross_attention_dim", "transformer_layers_per_block", "addition_embed_type")  # fmt: skip
UNSAID = {"mid_block_type": MIDDLE, "transformer_layers_per_block": 1}  # by configs older than these settings of diffusers
# What a ControlNet that diffusers wrote must have like the UNet it is put on.
SAME = ("in_channels", "block_out_channels", "down_block_types", "layers_per_block", "cross_attention_dim",
        "addition_embed_type")  # fmt: skip
SETTLED_NS = 2_000_000_000  # a file changed later than so long ago may change again and look the same
State = tuple[tuple[str, int, int], ...]  # of files: path, size, time of the last change in ns
LINK_BYTES = 400  # a weights file smaller than this may be the text of a link


class StableDiffusion:
    name = "stable"

    def __init__(self) -> None:
        self._known: dict[Path, tuple[State, Checkpoint]] = {}

    def knows(self, folder: Path) -> bool:
        return (folder / INDEX).is_file()

    def describe(self, folder: Path) -> Checkpoint:
        """ValueError never: what does not fit is the reason. Read again when a file of the folder is another than before."""
        state = _state(folder)
        if (known := self._known.get(folder)) is not None and known[0] == state:
            return known[1]
        found = self._read(folder)
        if state and max(changed for _, _, changed in state) < time.time_ns() - SETTLED_NS:
            self._known[folder] = state, found
        return found

    def _read(self, folder: Path) -> Checkpoint:
        try:
            index = _object(folder / INDEX)
            _check(folder, index)
            unet, scheduler = _object(folder / "unet" / "config.json"), _object(folder / "scheduler" / "scheduler_config.json")
            prediction: str = PREDICTIONS[_of(scheduler.get("prediction_type", "epsilon"), PREDICTIONS, "prediction_type")]
            side = unet.get("sample_size")
            if not isinstance(side, int) or not isinstance(unet.get("in_channels"), int):
                raise ValueError(f"its unet has no plain sample_size and in_channels but {brief(side)}; whole numbers would fit")
        except ValueError as error:
            return Checkpoint(reason=str(error))
        return Checkpoint(
            shape=(int(unet["in_channels"]), side, side),
            prediction=prediction,
            architecture=self.architecture(folder),
            embeds_guidance=bool(unet.get("time_cond_proj_dim")),
            reads_besides="" if unet.get("in_channels") == unet.get("out_channels") else "a picture beside the noise",
        )

    def timesteps(self, folder: Path, n: int, spacing: str | None) -> tuple[float, ...]:
        """As diffusers' scheduler of the folder lays them, unless a spacing is named."""
        scheduler = read_json(folder / "scheduler" / "scheduler_config.json") or {}
        train, offset = scheduler.get("num_train_timesteps", 1000), scheduler.get("steps_offset", 0)
        return spaced(spacing or scheduler.get("timestep_spacing", "leading"), n, int(train), int(offset))

    def architecture(self, folder: Path) -> str:
        """12 hexadecimal digits over what decides which layers the UNet has; "" where it has none."""
        config = read_json(folder / "unet" / "config.json")
        if config is None:
            return ""
        shape = {name: config.get(name, UNSAID.get(name)) for name in SHAPE}
        return hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:12]

    def footprint(self, folder: Path, *, rank: int | None, smaller: Smaller | None, fused: bool) -> Footprint:
        return footprint(folder, rank, smaller, fused)

    def check_smaller(self, folder: Path, form: Smaller, name: str) -> None:
        config = read_json(folder / "unet" / "config.json") or {}
        if config.get("_class_name") != CLASSES["unet"][0]:
            raise ValueError(f"{name} is no UNet of diffusers, so it cannot be made smaller; the form full would fit.")
        smaller_config(config, form, name)

    def control_misfit(self, folder: Path, control: Path) -> str:
        theirs, ours = read_json(control / "config.json") or {}, read_json(folder / "unet" / "config.json") or {}
        other = next((name for name in SAME if theirs.get(name) != ours.get(name)), None)
        return f"its {other} is {brief(theirs.get(other))}, the model's {brief(ours.get(other))}" if other else ""

    def open(
        self, folder: Path, id: str, device: str, dtype: torch.dtype | None = None, beside: Sequence[OpenModel] = ()
    ) -> OpenModel:
        from studio.families.stable.opening import open_stable

        index, scheduler = _object(folder / INDEX), _object(folder / "scheduler" / "scheduler_config.json")
        prediction = PREDICTIONS[scheduler.get("prediction_type", "epsilon")]
        xl = index["_class_name"] == PIPELINES[1]
        return open_stable(folder, id, device=device, dtype=dtype, xl=xl, prediction=prediction, beside=beside)


def _state(folder: Path) -> State | None:
    """Of all files that are read to describe a folder: those in it and in its parts. None where one cannot be looked at."""
    found: list[tuple[str, int, int]] = []
    try:
        todo = [*os.scandir(folder)]
        for part in [entry for entry in todo if entry.is_dir()]:
            todo += os.scandir(part)
        for entry in todo:
            stat = entry.stat()
            found.append((entry.path, stat.st_size, max(stat.st_mtime_ns, stat.st_ctime_ns)))
    except OSError:
        return None
    return tuple(sorted(found))


def _check(folder: Path, index: Json) -> None:
    """ValueError that goes on behind "it cannot be opened:", where a part of the folder cannot be read as this family does."""
    pipeline = index.get("_class_name")
    if pipeline not in PIPELINES:
        raise ValueError(f"it is a {brief(pipeline)}; {' and '.join(PIPELINES)} folders can be opened")
    suffixes = ("", "_2") if pipeline == PIPELINES[1] else ("",)
    headers: dict[Path, Header] = {}
    for part in ("unet", "vae", *(f"{name}{suffix}" for name in ("text_encoder", "tokenizer") for suffix in suffixes)):
        kind = part.removesuffix("_2")
        entry = index.get(part)
        _of(entry[1] if isinstance(entry, list) and len(entry) == 2 else entry, CLASSES[kind], part)
        if not (folder / part).is_dir():
            raise ValueError(f"its {part} is missing; a folder saved by diffusers has it")
        if kind in NETWORKS:
            config = _object(folder / part / "config.json")
            if (file := original_of(folder / part)) is None:
                _check_weights(folder / part, part)
            else:
                headers[file] = headers.get(file) or read_header(file)
                check_part(headers[file], part, config)
        elif not any((folder / part).iterdir()):
            raise ValueError(f"its {part} is empty; a folder saved by diffusers has files there")
    if (folder / LORA).is_dir():
        _check_weights(folder / LORA, LORA)


def _check_weights(folder: Path, part: str) -> None:
    files = list(folder.glob("*.safetensors"))
    if not files:
        other = next((file.suffix for file in folder.iterdir() if file.suffix in (".bin", ".pt", ".ckpt", ".msgpack")), "")
        have = f"its {part} has {other} weights alone" if other else f"its {part} has no weights"
        raise ValueError(f"{have}; .safetensors would fit")
    for file in files:
        if not file.exists():
            raise ValueError(f"{part}/{file.name} is a link to a file that is not there; the whole set of models would fit")
        text = file.read_bytes() if file.stat().st_size < LINK_BYTES else b""
        if text.startswith(b"version https://git-lfs"):
            raise ValueError(f"{part}/{file.name} is a pointer of Git LFS; `git lfs pull` fetches the file")
        if text[-12:] == b".safetensors":  # the text of a link, not weights
            raise ValueError(
                f"{part}/{file.name} is a link that was checked out as text; clone again with "
                "`git -c core.symlinks=true clone`, or copy the file it names"
            )


def _said(path: Path) -> str:
    """A file's name, behind that of its part."""
    return path.name if path.name == INDEX else f"{path.parent.name}/{path.name}"


def _of(given: object, known: Iterable[str], what: str) -> str:
    names = tuple(known)
    if given not in names:
        raise ValueError(f"its {what} is {brief(given)}; {' or '.join(names)} would fit")
    return str(given)


def _object(path: Path) -> Json:
    if not path.is_file():
        raise ValueError(f"its {_said(path)} is missing; a folder saved by diffusers has it")
    found = read_json(path)
    if not isinstance(found, dict):
        raise ValueError(f"its {_said(path)} is not a JSON object; the one that diffusers writes would fit")
    return found


FAMILIES.add("stable")(StableDiffusion())
