"""Names of tensors in adapter files: which layer, which part of the model, and which half of the pair."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from studio.families.adapter_files.container import shown
from studio.families.adapter_files.targets import Names

Role = Literal["down", "up", "alpha"]

LONGEST = 400  # characters; no tool writes longer names
_DOWN = r"\.lora_A(?:\.default)?(?:\.weight)?|[._]lora\.down\.weight|\.lora_down\.weight|\.lora_linear_layer\.down\.weight"
_UP = r"\.lora_B(?:\.default)?(?:\.weight)?|[._]lora\.up\.weight|\.lora_up\.weight|\.lora_linear_layer\.up\.weight"
_KEY = re.compile(rf"(?P<layer>.+?)(?:(?P<down>{_DOWN})|(?P<up>{_UP})|(?P<alpha>\.alpha))")

# (prefix, part, names with underscores); the longer of two that fit stands first
PREFIXES = (
    ("lora_unet_", "unet", True),
    ("lora_transformer_", "unet", True),
    ("lora_te1_", "text_encoder", True),
    ("lora_te2_", "text_encoder_2", True),
    ("lora_te_", "text_encoder", True),
    ("model.diffusion_model.", "unet", False),
    ("diffusion_model.", "unet", False),
    ("text_encoders.clip_l.transformer.", "text_encoder", False),
    ("text_encoders.clip_g.transformer.", "text_encoder_2", False),
    ("text_encoder_3.", "text_encoder_3", False),
    ("text_encoder_2.", "text_encoder_2", False),
    ("text_encoder.", "text_encoder", False),
    ("unet.", "unet", False),
    ("transformer.", "unet", False),  # the part that denoises, where it is one
)
UNSUPPORTED = (
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
    (r"double_blocks|single_blocks", "Flux, in the names of its own code; those of diffusers are read"),
    (r"single_transformer_blocks", "Flux"),
    (r"joint_blocks", "Stable Diffusion 3, in the names of its own code; those of diffusers are read"),
    (r"context_embedder", "Stable Diffusion 3"),
    (r"lora_te3_|text_encoder_3|t5xxl", "a model with a T5 text encoder"),
    (r"lora_prior_|lora_unet_.*_mapper|down_blocks_\d_\d_(attention|channelwise)", "Stable Cascade"),
    (r"^(lora_)?transformer[._]", "a flow transformer"),
)


@dataclass(frozen=True)
class Place:
    """Where a tensor belongs. part, path: None where the model has no such layer; layer: as the file calls it."""

    part: str | None
    path: str | None
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
            return Place(of, names.find(of, layer[len(prefix) :], flat), layer, role)
    for of in (part,) if part else names.dotted:  # nothing is said: the first part that has such a layer
        if path := names.find(of, layer, flat=False):
            return Place(of, path, layer, role)
    return Place(None, None, layer, role)


def refuse_unsupported(keys: Iterable[str]) -> None:
    """ValueError that names the kind of adapter, for those that are no plain low-rank pairs."""
    for key in keys:
        for pattern, kind in UNSUPPORTED:
            if len(key) <= LONGEST and re.search(pattern, key):
                raise ValueError(
                    f"this is a {kind} adapter ({shown(key, 60)}), which is not supported; a LoRA of plain low-rank "
                    "pairs would fit"
                )


def layout_of(keys: Iterable[str]) -> str:
    """What people call the layout."""
    keys = list(keys)
    for start, name in (
        ("lora_", "kohya"),
        ("base_model.model.", "PEFT"),
        ("diffusion_model.", "original"),
        ("model.diffusion_model.", "original"),
        ("bundle_emb.", "kohya"),
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
