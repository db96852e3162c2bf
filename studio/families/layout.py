"""Names in a model's folder beside those of diffusers, and which weight files of a part are opened. No torch."""

from __future__ import annotations

import re
from pathlib import Path

LORA, LORA_SETTINGS = "lora", "settings.json"  # folder of what makes a student of a base, and {"scale": strength} in it
WEIGHTS = ".safetensors"
ORIGINAL = "original.safetensors"  # weights in the original layout: of a UNet in its part, of all that has none at the root
_HALF = re.compile(r"\.fp16[.-]")  # in the name of a file, or of a part of one


def loaded(part: Path) -> list[Path]:
    """The weight files of a part that are opened: those in half precision where there are no others."""
    files = sorted(part.glob(f"*{WEIGHTS}"))
    return [path for path in files if not is_half(path)] or files


def is_half(path: Path) -> bool:
    return bool(_HALF.search(path.name))


def blob_digest(file: Path) -> str | None:
    """Of a file in the Hub's cache: large ones are called by the SHA-256 of their bytes there. None of others."""
    real = file.resolve()
    return real.name if real.parent.name == "blobs" and len(real.name) == 64 else None


def original_of(part: Path) -> Path | None:
    """The file in the original layout that a part's weights are in; None where it has weights as diffusers writes them."""
    for path in (part / ORIGINAL, part.parent / ORIGINAL):
        if path.is_file() or path.is_symlink():
            return path
        if any(part.glob(f"*{WEIGHTS}")):
            return None
    return None
