"""Names of the precisions that networks are opened in, and which one is chosen. No torch."""

from __future__ import annotations

import os
from typing import Final

from studio.core.explain import brief
from studio.core.residency import Precision

SETTING: Final = "STUDIO_DTYPE"
NAMES: dict[str, Precision] = {"float32": "float32", "fp32": "float32", "bfloat16": "bfloat16", "bf16": "bfloat16",
                               "float16": "float16", "fp16": "float16", "half": "float16"}  # fmt: skip


def named(given: str, whose: str) -> Precision | None:
    """The precision of a name; None for "auto" and "". ValueError in one sentence that `whose` begins."""
    name = given.strip().lower()
    if name in ("", "auto"):
        return None
    if name not in NAMES:
        raise ValueError(f"{whose} is {brief(given)}; auto, float32, bfloat16 and float16 fit.")
    return NAMES[name]


def chosen(of_model: str = "") -> Precision | None:
    """What a model's file says, else `$STUDIO_DTYPE`; None where neither does, and the device decides."""
    return named(of_model, "dtype") or named(os.environ.get(SETTING, ""), f"${SETTING}")
