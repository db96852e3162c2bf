"""Folders shaped like Stable Diffusion, read without torch: what they are, why one cannot be opened (`core.family.Family`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.explain import brief
from studio.core.family import Checkpoint
from studio.core.files import Json, read_json
from studio.core.footprint import Footprint, Smaller
from studio.core.residency import Held, Precision, Role
from studio.families import FAMILIES
from studio.families.folder import INDEX, Remembering, check_parts, json_object, one_of, pipeline_of, pixels_a_position
from studio.families.held_parts import held_parts
from studio.families.schedulers import PREDICTIONS
from studio.families.stable.footprint import footprint, numbers_in_original
from studio.families.stable.original.controls import differing, made_for
from studio.families.stable.original.header import Header, read_header
from studio.families.stable.original.kinds import check_part
from studio.families.stable.smaller import MIDDLE, smaller_config
from studio.sampling.grids import spaced

if TYPE_CHECKING:
    import torch

    from studio.core.family import OpenModel

PIPELINES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
CLASSES = {  # of the parts that are loaded, by the first word of their folder
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL", "AutoencoderTiny"),
    "text_encoder": ("CLIPTextModel", "CLIPTextModelWithProjection"),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
}
# What decides which layers a UNet has, and so which adapters fit it.
SHAPE = ("_class_name", "in_channels", "block_out_channels", "down_block_types", "mid_block_type", "up_block_types",
         "layers_per_block", "cross_attention_dim", "transformer_layers_per_block", "addition_embed_type")  # fmt: skip
MOST_GUIDANCE = 30.0  # beyond it samples saturate; a bound of this house, no paper's
DEFAULT_LEVELS = (320, 640, 1280, 1280)  # of a UNet2DConditionModel whose config has no block_out_channels
UNSAID = {"mid_block_type": MIDDLE, "transformer_layers_per_block": 1}  # by configs older than these settings of diffusers


class StableDiffusion(Remembering):
    name = "stable"
    pipelines = PIPELINES

    def knows(self, folder: Path) -> bool:
        return pipeline_of(folder) in PIPELINES

    def _read(self, folder: Path) -> Checkpoint:
        try:
            index = json_object(folder / INDEX)
            _check(folder, index)
            unet, scheduler = (
                json_object(folder / "unet" / "config.json"),
                json_object(folder / "scheduler" / "scheduler_config.json"),
            )
            prediction: str = PREDICTIONS[one_of(scheduler.get("prediction_type", "epsilon"), PREDICTIONS, "prediction_type")]
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
            sample_shape=(3, *[side * pixels_a_position(json_object(folder / "vae" / "config.json"))] * 2),
            step=2 ** (len(unet.get("block_out_channels") or DEFAULT_LEVELS) - 1),
            most_guidance=MOST_GUIDANCE,
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

    def held(self, folder: Path, precision: Precision) -> list[Held]:
        parts: dict[str, Role] = {"unet": "network", "vae": "vae"}
        parts |= {path.name: "encoders" for path in sorted(folder.glob("text_encoder*"))}
        return held_parts(folder, parts, precision, numbers_in_original)

    def check_smaller(self, folder: Path, form: Smaller, name: str) -> None:
        config = read_json(folder / "unet" / "config.json") or {}
        if config.get("_class_name") != CLASSES["unet"][0]:
            raise ValueError(f"{name} is no UNet of diffusers, so it cannot be made smaller; the form full would fit.")
        smaller_config(config, form, name)

    def control_misfit(self, folder: Path, control: Path) -> str:
        theirs, ours = read_json(control / "config.json") or {}, read_json(folder / "unet" / "config.json") or {}
        if other := differing(theirs, ours):
            base = made_for(theirs)
            begin = f"it is for {base}, " if base else ""
            return f"{begin}its {other} is {brief(theirs.get(other))}, the model's {brief(ours.get(other))}"
        halved = len(theirs.get("conditioning_embedding_out_channels") or (16, 32, 96, 256)) - 1
        pixels = pixels_a_position(read_json(folder / "vae" / "config.json") or {})
        return (
            "" if 2**halved == pixels else f"its picture is {2**halved} times as large as the latent, the model's {pixels} times"
        )

    def open(
        self, folder: Path, id: str, device: str, dtype: torch.dtype | None = None, beside: Sequence[OpenModel] = ()
    ) -> OpenModel:
        from studio.families.stable.opening import open_stable

        index, scheduler = json_object(folder / INDEX), json_object(folder / "scheduler" / "scheduler_config.json")
        prediction = PREDICTIONS[scheduler.get("prediction_type", "epsilon")]
        xl = index["_class_name"] == PIPELINES[1]
        return open_stable(folder, id, device=device, dtype=dtype, xl=xl, prediction=prediction, beside=beside)


def _check(folder: Path, index: Json) -> None:
    """ValueError that goes on behind "it cannot be opened:", where a part of the folder cannot be read as this family does."""
    one_of(index.get("_class_name"), PIPELINES, "pipeline")
    suffixes = ("", "_2") if index["_class_name"] == PIPELINES[1] else ("",)
    parts = ["unet", "vae", *(f"{name}{suffix}" for name in ("text_encoder", "tokenizer") for suffix in suffixes)]
    headers: dict[Path, Header] = {}

    def original(file: Path, part: str, config: Json) -> None:
        headers[file] = headers.get(file) or read_header(file)
        check_part(headers[file], part, config)

    check_parts(folder, index, {part: CLASSES[part.removesuffix("_2")] for part in parts}, original)


FAMILIES.add("stable")(StableDiffusion())
