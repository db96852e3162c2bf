"""Names of tensors in adapter files: which layer, which part of the model, and which half of the pair."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from studio.families.adapter_files.container import shown
from studio.families.adapter_files.targets import Names, Rows

Role = Literal["down", "up", "alpha"]

LONGEST = 400  # characters; no tool writes longer names
_DOWN = (
    r"\.lora_A(?:\.default)?(?:\.weight)?|[._]lora\.down\.weight"
    r"|\.lora_down\.weight|\.lora_linear_layer\.down\.weight|(?<=_lora[12])\.down\.weight"
)
_UP = (
    r"\.lora_B(?:\.default)?(?:\.weight)?|[._]lora\.up\.weight"
    r"|\.lora_up\.weight|\.lora_linear_layer\.up\.weight|(?<=_lora[12])\.up\.weight"
)
_KEY = re.compile(rf"(?P<layer>.+?)(?:(?P<down>{_DOWN})|(?P<up>{_UP})|(?P<alpha>\.alpha))")

T5 = "t5"  # the part that is one, whatever its number
# (prefix, part, names with underscores); the longer of two that fit stands first
PREFIXES = (
    ("lora_unet_", "unet", True),
    ("lora_transformer_", "unet", True),
    ("lora_te1_", "text_encoder", True),
    ("lora_te2_", "text_encoder_2", True),
    ("lora_te3_", T5, True),
    ("lora_te_", "text_encoder", True),
    ("lycoris_", "unet", True),
    ("model.diffusion_model.", "unet", False),
    ("diffusion_model.", "unet", False),
    ("text_encoders.clip_l.transformer.", "text_encoder", False),
    ("text_encoders.clip_g.transformer.", "text_encoder_2", False),
    ("text_encoders.t5xxl.transformer.", T5, False),
    ("text_encoder_3.", "text_encoder_3", False),
    ("text_encoder_2.", "text_encoder_2", False),
    ("text_encoder.", "text_encoder", False),
    ("unet.", "unet", False),
    ("transformer.", "unet", False),  # the part that denoises, where it is one
)
UNSUPPORTED = (
    (r"norm\.(query|key)_norm\.scale$", "control LoRA, which is for a network that reads a picture beside the noise, no plain"),
    (r"dora_scale|lora_magnitude_vector", "DoRA"),
    (r"\.hada_", "LoHa"),
    (r"\.lokr_", "LoKr"),
    (r"\.lora_mid\b", "LoCon with a core factor"),
    (r"oft_blocks|oft_diag|\.oft_R|boft_", "OFT"),
    (r"vera_lambda", "VeRA"),
    (r"\.on_input$", "(IA)³"),
    (r"lora_controlnet", "Control-LoRA"),
    (r"\.[ab][12]\.weight$", "GLoRA"),
    (r"\.lora_(B|up)(\.\w+)?\.bias$", "LoRA with biases"),
    (r"\.diff(_b)?$|\.[wb]_norm$", "full weight difference"),
)
# what the names of other architectures give away
OTHERS = (
    (r"double_blocks|single_blocks|single_transformer_blocks", "Flux"),
    (r"joint_blocks|context_embedder", "Stable Diffusion 3"),
    (r"lora_te3_|text_encoder_3|t5xxl", "a model with a T5 text encoder"),
    (r"lora_prior_|lora_unet_.*_mapper|down_blocks_\d_\d_(attention|channelwise)", "Stable Cascade"),
    (r"^(lora_)?transformer[._]", "a flow transformer"),
)


@dataclass(frozen=True)
class Place:
    """Where a tensor belongs. part: None, rows: empty where the model has no such layer; layer: as the file calls it."""

    part: str | None
    rows: tuple[Rows, ...]
    layer: str
    role: Role


def place(key: str, names: Names, part: str | None = None) -> Place | None:
    """The place of one tensor; None where its name is none of an adapter. part: where the file is about one part alone."""
    if len(key) > LONGEST or (m := _KEY.fullmatch(key)) is None:
        return None
    role: Role = "down" if m["down"] else "up" if m["up"] else "alpha"
    layer = m["layer"].removeprefix("base_model.model.")
    for prefix, of, flat in PREFIXES:
        if layer.startswith(prefix):
            of = names.t5 if of == T5 else of
            return Place(of, names.find(of, layer[len(prefix) :], flat), layer, role)
    for of in (part,) if part else names.dotted:  # nothing is said: the first part that has such a layer
        if rows := names.find(of, layer, flat=False):
            return Place(of, rows, layer, role)
    return Place(None, (), layer, role)


def refuse_unsupported(keys: Collection[str]) -> None:
    """ValueError that names the kind of adapter, for those that are no plain low-rank pairs."""
    for pattern, kind in UNSUPPORTED:
        for key in keys:
            if len(key) <= LONGEST and re.search(pattern, key):
                raise ValueError(
                    f"this is a {kind} adapter ({shown(key, 60)}), which is not supported; a LoRA of plain low-rank "
                    "pairs would fit"
                )


def layout_of(keys: Iterable[str]) -> str:
    """What people call the layout."""
    keys = list(keys)
    if any(".processor.qkv_lora" in key or ".processor.proj_lora" in key for key in keys):
        return "XLabs"
    for start, name in (
        ("lora_", "kohya"),
        ("base_model.model.", "PEFT"),
        ("diffusion_model.", "original"),
        ("model.diffusion_model.", "original"),
        ("bundle_emb.", "kohya"),
        ("lycoris_", "LyCORIS"),
    ):
        if any(key.startswith(start) for key in keys):
            return name
    return "diffusers"


def made_for(keys: Iterable[str]) -> str:
    """Which other architecture the names give away, or nothing."""
    for key in keys:
        for pattern, kind in OTHERS:
            if len(key) <= LONGEST and re.search(pattern, key):
                return kind
    return ""
