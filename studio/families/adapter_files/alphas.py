"""The true alpha of a layer, wherever a layout keeps it. A file that says nothing means alpha = rank (scale 1)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from studio.core.files import Json
from studio.families.adapter_files.container import shown

Config = Json  # what PEFT's LoraConfig holds: r, lora_alpha, alpha_pattern, use_rslora, …


def alpha_of(config: Config | None, path: str, rank: int, called: str = "") -> float:
    """alpha for the layer at ``path``, or as the file calls it, by a LoraConfig; rank-stabilised scaling (alpha / sqrt(rank),
    Kalajdzievski 2023, arXiv 2312.03732) is turned into the alpha that gives the same strength."""
    if not config or config.get("lora_alpha") is None:
        return float(rank)
    alpha = _number(config["lora_alpha"], "lora_alpha")
    patterns = config.get("alpha_pattern") or {}
    if not isinstance(patterns, Mapping):
        raise ValueError(f"alpha_pattern is {shown(patterns)}; an object of layer names and numbers would fit")
    for pattern, value in patterns.items():
        if any(_names(str(pattern), name) for name in (path, called) if name):
            alpha = _number(value, f"alpha of {pattern}")
            break
    return alpha * math.sqrt(rank) if config.get("use_rslora") else alpha


def check(config: Config) -> None:
    """ValueError for what PEFT can do and is not read here."""
    kind = str(config.get("peft_type") or "LORA").upper()
    if kind != "LORA":
        raise ValueError(f"this is a {shown(kind, 20)} adapter, which is not supported; a LoRA would fit")
    if config.get("use_dora"):
        raise ValueError("this is a DoRA adapter, which is not supported; a LoRA without magnitude vectors would fit")
    if config.get("alora_invocation_tokens") or config.get("use_qalora"):
        raise ValueError("this is an aLoRA or QA-LoRA adapter, which is not supported; a plain LoRA would fit")


def _names(pattern: str, path: str) -> bool:
    """PEFT matches `(.*\\.)?(pattern)$`. Only literal names are: a pattern from a file is never run as an expression."""
    anchored = pattern.startswith("^")
    literal = pattern.lstrip("^").rstrip("$").replace("\\.", ".").removeprefix("base_model.model.")
    if re.search(r"[\\*+?|()\[\]{}^$]", literal):
        raise ValueError(f"alpha_pattern {shown(pattern)} is an expression; names of layers written out would fit")
    plain, bare = path.removeprefix("text_model."), literal.removeprefix("text_model.")
    return literal == path or bare == plain or (not anchored and path.endswith("." + literal))


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{what} is {shown(value)}; a number above 0 would fit")
    return float(value)
