"""Shapes of the weights of a part of a folder, from the headers of its files. No torch."""

from __future__ import annotations

import json
import struct
from pathlib import Path

MAX_HEADER = 1 << 24  # bytes


def weight_shapes(part: Path) -> dict[str, list[int]]:
    """Shape of every weight in a part's folder, from the headers of its files (nothing else is read)."""
    found: dict[str, list[int]] = {}
    for file in sorted(part.glob("*.safetensors")):
        try:
            with open(file, "rb") as opened:
                (length,) = struct.unpack("<Q", opened.read(8))
                header = json.loads(opened.read(min(length, MAX_HEADER)))
            shapes = {k: [int(n) for n in v["shape"]] for k, v in header.items() if k != "__metadata__"}
        except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError):
            continue
        found |= shapes
    return found
