"""What a weights file says before its weights: names, shapes and strings of a safetensors file of any size. No torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from studio.core.explain import brief
from studio.core.files import Json

MOST_BYTES = 100 << 20  # of a header; safetensors reads no longer one
LFS = b"version https://git-lfs"
PICKLED = (b"PK\x03\x04", b"\x80")


@dataclass(frozen=True)
class Header:
    """shapes: of every tensor, by its name. strings: what the file says of itself."""

    shapes: dict[str, tuple[int, ...]]
    strings: dict[str, str]


def read_header(path: Path) -> Header:
    """ValueError in one sentence that the file's name begins, where it is no whole safetensors file."""
    name = brief(path.name)
    if not path.is_file():
        raise ValueError(f"{name} is {'a link to a file that is not there' if path.is_symlink() else 'not there'}")
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(64)
        length = int.from_bytes(start[:8], "little")
        if start[8:9] != b"{":
            raise ValueError(f"{name} {_what(start)}; a checkpoint in safetensors would fit")
        if length > min(MOST_BYTES, size - 8):
            raise ValueError(f"{name} is damaged: its header would take {length:,} bytes of {size:,}; a whole download would fit")
        file.seek(8)
        text = file.read(length)
    try:
        shapes, strings, end = _entries(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{name} is damaged: its header cannot be read; a whole download would fit") from error
    if 8 + length + end > size:
        raise ValueError(f"{name} is cut short: it has {size:,} bytes of {8 + length + end:,}; a whole download would fit")
    return Header(shapes, strings)


def _entries(content: Json) -> tuple[dict[str, tuple[int, ...]], dict[str, str], int]:
    """(shapes, strings, where the last tensor ends behind the header)."""
    strings = content.pop("__metadata__", {})
    shapes: dict[str, tuple[int, ...]] = {}
    end = 0
    for name, entry in content.items():
        shape, (begin, after) = entry["shape"], entry["data_offsets"]
        if not all(type(n) is int and n >= 0 for n in (*shape, begin, after)) or begin > after:
            raise ValueError(name)
        shapes[name] = tuple(shape)
        end = max(end, after)
    return shapes, {str(key): str(value) for key, value in strings.items()}, end


def _what(start: bytes) -> str:
    if start.startswith(PICKLED):
        return "is a pickle whatever its name, which can run code when it is opened"
    if start.startswith(LFS):
        return "is a pointer of Git LFS, not the weights"
    if start.startswith(b"GGUF"):
        return "is a GGUF file"
    if not start:
        return "is empty"
    if start.lstrip().startswith(b"<"):
        return "is a web page, not weights"
    return "is no safetensors file"
