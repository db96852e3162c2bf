"""Files read and written whole or not at all, and values as JSON can hold them."""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]  # an object as JSON holds it
MOST_VALUES = 100_000  # of a YAML file


def atomic_write(path: Path, data: bytes | str, *, durable: bool = True) -> None:
    """Write a whole file or nothing: temporary name, fsync (when `durable`), rename."""
    raw = data.encode() if isinstance(data, str) else data
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(raw)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable and hasattr(os, "O_DIRECTORY"):  # the rename itself is in the folder
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_json(path: Path) -> Json | None:
    """The JSON object in a file, or None when it is missing, unreadable or something else."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def yaml_values(text: str) -> object:
    """YAML as plain values. ValueError where aliases make more of it than `MOST_VALUES`: a few lines can name ten billion."""
    value = yaml.safe_load(text)
    if _size(value, {}) > MOST_VALUES:
        raise ValueError(f"it stands for more than {MOST_VALUES:,} values once its aliases are followed; write out what is meant")
    return value


def _size(value: object, known: dict[int, int]) -> int:
    """How many values there are in it, counted as often as they are named; what is named twice is looked at once."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        known[id(value)] = MOST_VALUES + 1  # until it is counted: one that holds itself has no end
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(one, known) for one in inner)
    return known[id(value)]


def plain(value: object) -> Any:
    """JSON-ready: numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
