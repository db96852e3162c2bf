"""What a file's header says about an adapter: our card, kohya's `ss_*` and Stability's `modelspec.*` (sai_model_spec 1.0.1).

Every value of a safetensors header is a string. Nothing in a foreign header is trusted: lengths are bounded, control
characters go, and a card that does not validate is left aside with a notice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from studio.core.edit import Edit, EditCard
from studio.core.files import Json
from studio.core.word_rows import plain
from studio.families.adapter_files.container import parse_json

CARD = "distillation_studio"
CARD_CHARACTERS = 256 << 10
LONG, SHORT = 2000, 200
ARCHITECTURES = {True: "stable-diffusion-xl-v1-base", False: "stable-diffusion-v1"}
BASES = {True: "sdxl_base_v1-0", False: "sd_v1"}


def card_of(header: Mapping[str, str], title: str) -> tuple[EditCard, str]:
    """(card, notice or nothing): ours where the header has one, else what the other fields say. title: of last resort."""
    if CARD in header:
        try:
            if len(header[CARD]) > CARD_CHARACTERS:
                raise ValueError("too long")
            return EditCard.model_validate(bounded(parse_json(header[CARD], CARD))), ""
        except (ValueError, ValidationError):
            return _foreign(header, title), "its card is damaged and was left aside"
    return _foreign(header, title), ""


def _foreign(header: Mapping[str, str], title: str) -> EditCard:
    def text(*keys: str) -> str:
        return next((clean(header[key], SHORT) for key in keys if header.get(key, "None") not in ("None", "")), "")

    def whole(*keys: str) -> int:
        digits = text(*keys)
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else 0

    kept = ("ss_network_dim", "ss_network_alpha", "ss_learning_rate", "ss_unet_lr", "ss_optimizer", "ss_resolution",
            "ss_num_train_images", "ss_epoch", "modelspec.architecture", "modelspec.license", "modelspec.author",
            "modelspec.trigger_phrase")  # fmt: skip
    return EditCard(
        title=text("modelspec.title", "ss_output_name") or clean(title, SHORT) or "adapter",
        method=text("ss_network_module"),
        base=text("ss_sd_model_name", "ss_base_model_version"),
        base_hash=text("ss_new_sd_model_hash", "ss_sd_model_hash"),
        settings={key: text(key) for key in kept if text(key)},
        seed=whole("ss_seed"),
        steps=whole("ss_steps", "ss_max_train_steps"),
        created=text("modelspec.date"),
        note=clean(header.get("modelspec.description", header.get("ss_training_comment", "")), LONG),
    )


def clean(text: str, limit: int) -> str:
    """One line of at most ``limit`` printable characters."""
    return "".join(c if c.isprintable() else " " for c in text[:limit]).strip()


def bounded(value: Any, depth: int = 6) -> Any:
    """JSON with strings cut, at most 256 entries a level, six levels deep, whole numbers below 2^63, floats finite."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() or c == "\n" else " " for c in value[:LONG])
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        if (isinstance(value, float) and not math.isfinite(value)) or abs(value) >= 2**63:
            raise ValueError("a number is too large")
        return value
    if depth == 0:
        return None
    if isinstance(value, list):
        return [bounded(v, depth - 1) for v in value[:256]]
    return {clean(str(k), SHORT): bounded(v, depth - 1) for k, v in list(value.items())[:256]}


def header_of(edit: Edit, private: bool, xl: bool, architecture: str = "") -> dict[str, str]:
    """The strings that are written. private: prompts, notes, settings and the date may leave; else they are in no field.
    architecture: of the base, where `xl` does not say it."""
    card = edit.card if private else edit.card.public()
    ranks, alphas = edit.ranks, sorted({pair.alpha for pair in edit.pairs.values()})
    words = sorted({plain(word) for word in edit.tokens})
    values: Json = {
        CARD: json.dumps(card.model_dump(mode="json"), allow_nan=False),
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": f"{card.domain or architecture or ARCHITECTURES[xl]}/{_kind(edit)}",
        "modelspec.implementation": "diffusers",
        "modelspec.title": card.title,
        "modelspec.date": card.created,
        "modelspec.description": card.note,
        "modelspec.trigger_phrase": " ".join(words),
        "ss_output_name": card.title,
        "ss_sd_model_name": card.base,
        "ss_sd_model_hash": card.base_hash,
        "ss_new_sd_model_hash": card.base_hash,
        "ss_base_model_version": card.domain or architecture or BASES[xl],
        "ss_seed": card.seed,
        "ss_steps": card.steps,
        "ss_training_comment": card.note,
        "ss_learning_rate": card.settings.get("lr"),
        "ss_optimizer": card.settings.get("optimizer"),
    }
    if edit.pairs:
        values |= {
            "ss_network_module": "networks.lora",
            "ss_network_dim": ranks[0] if len(ranks) == 1 else "Dynamic",
            "ss_network_alpha": f"{alphas[0]:g}" if len(alphas) == 1 else "Dynamic",
        }
    return {key: str(value) for key, value in values.items() if value not in (None, "")}


def _kind(edit: Edit) -> str:
    return "lora" if edit.pairs else "textual-inversion" if edit.tokens else "references"
