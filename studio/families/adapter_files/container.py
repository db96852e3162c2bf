"""Opening a file somebody else made: safetensors or nothing, its header checked before anything is allocated.

A pickle can run code while it is loaded, so it is recognised by name or by content and never unpickled.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from torch import Tensor

from studio.core.files import Json

LIMIT_BYTES = 4 << 30  # an SDXL adapter of rank 256 on every layer is about 1.7 GB in half precision
HEADER_BYTES = 32 << 20  # training tools put tag counts and a thumbnail there
JSON_BYTES = 1 << 20
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
ZIP = b"PK\x03\x04"
BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
         "BOOL": 1}  # fmt: skip


def shown(name: object, limit: int = 100) -> str:
    """A name from a file as it may stand in a sentence: printable, in quotes, not long."""
    text = "".join(c if c.isprintable() else "?" for c in str(name)[: limit + 1])
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


def open_safetensors(path: Path, limit_bytes: int = LIMIT_BYTES) -> tuple[dict[str, Tensor], dict[str, str]]:
    """(tensors on the CPU, header strings). ValueError or FileNotFoundError in one sentence; nothing is ever unpickled."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    header = _checked_header(path, limit_bytes)
    try:
        tensors = {name: tensor.clone() for name, tensor in load_file(str(path)).items()}  # not mapped: the file may change
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError, OSError) as error:
        raise ValueError(f"{shown(path.name)} is damaged: {shown(error, 160)}; the file as it was written would fit") from error
    return tensors, header


def read_json(path: Path) -> Json:
    """A JSON object from a small file; ValueError where it is none."""
    if path.stat().st_size > JSON_BYTES:
        raise ValueError(f"{shown(path.name)} is larger than {JSON_BYTES >> 20} MB; the one PEFT writes would fit")
    return parse_json(path.read_bytes(), path.name)


def parse_json(text: str | bytes, name: str) -> Json:
    """A JSON object without NaN or infinity; ValueError where it is none."""
    try:
        content = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{shown(name)} is not JSON; an object in braces would fit") from error
    if not isinstance(content, dict):
        raise ValueError(f"{shown(name)} is not a JSON object; an object in braces would fit")
    return content


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _checked_header(path: Path, limit_bytes: int) -> dict[str, str]:
    """The header's strings, after every entry was found to describe bytes that are there."""
    name = shown(path.name)
    if not path.is_file():
        raise FileNotFoundError(f"adapter file {name} is not there; a LoRA in safetensors would fit")
    if path.suffix.lower() in PICKLES:
        raise ValueError(f"{name} is a pickle, which can run code when it is opened; the same adapter as .safetensors would fit")
    size = path.stat().st_size
    if size == 0:
        raise ValueError(f"{name} is empty; a LoRA in safetensors would fit")
    if size > limit_bytes:
        raise ValueError(f"{name} has {size / 2**30:.1f} GB; adapters of up to {limit_bytes / 2**30:.1f} GB are read")
    with open(path, "rb") as file:
        start = file.read(64)
        length = int.from_bytes(start[:8], "little")
        if start[8:9] != b"{":
            raise ValueError(f"{name} {_what(start)}; a LoRA in safetensors would fit")
        if length > HEADER_BYTES or 8 + length > size:
            raise ValueError(
                f"{name} is cut short or damaged: its header would take {length:,} bytes of {size:,}; download it again"
            )
        file.seek(8)
        header = parse_json(file.read(length).rstrip(), path.name)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError(f"the metadata of {name} holds something else than strings; a file that safetensors wrote would fit")
    for key, entry in header.items():
        if not _described(entry, size - 8 - length):
            raise ValueError(
                f"{name} is cut short or damaged: tensor {shown(key)} lies outside the file or has no known type; "
                "download it again"
            )
    return metadata


def _described(entry: object, room: int) -> bool:
    """Does a header entry name a known type and a shape whose bytes are exactly its place in the file?"""
    if not isinstance(entry, dict):
        return False
    shape, offsets = entry.get("shape", ()), entry.get("data_offsets", ())
    width = BYTES.get(str(entry.get("dtype")))
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or not all(type(n) is int and 0 <= n <= LIMIT_BYTES for n in numbers):
            return False
    if width is None or len(offsets) != 2 or len(shape) > 8:
        return False
    return offsets[0] <= offsets[1] <= room and offsets[1] - offsets[0] == math.prod(shape) * width


def _what(start: bytes) -> str:
    if start[:4] == ZIP or start[:1] == b"\x80":
        return "holds a pickle (whatever its name), which can run code when it is opened"
    if start.startswith(b"version https://git-lfs"):
        return "is only a Git LFS pointer, not the weights"
    if start.lstrip()[:1] == b"<":
        return "is a web page, not weights"
    return "is no safetensors file"


def as_float(tensor: Tensor, name: str) -> Tensor:
    """Half, bfloat16 and float32 as they are, other floats as float32; ValueError for whole numbers."""
    if not tensor.is_floating_point():
        raise ValueError(f"{shown(name)} holds whole numbers ({tensor.dtype}); floating point weights would fit")
    return tensor if tensor.dtype in (torch.float32, torch.float16, torch.bfloat16) else tensor.float()
