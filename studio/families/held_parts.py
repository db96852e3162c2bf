"""Parts of a folder as they are held in memory, from configs and the headers of weight files. No torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path

from studio.core.files import Json, read_json
from studio.core.residency import Held, Precision, Role
from studio.families.layout import LORA, blob_digest, loaded, original_of
from studio.families.weight_shapes import weight_shapes

TIED = {"encoder.embed_tokens.weight": "shared.weight"}  # of T5: one table that some files hold under both names
WIDE = ".wo.weight"  # of T5: transformers keeps what ends its feed-forwards in float32 where the rest is float16
Original = Callable[[Path, str, Json], int]  # numbers of a part (file, part, config) in a file of the original layout


def held_parts(folder: Path, roles: Mapping[str, Role], precision: Precision, original: Original | None = None) -> list[Held]:
    """roles: of the parts that are opened, by their folders. precision: asked for; autoencoders that overflow in half precision
    stay float32. original: counts a part whose weights are in one file with others, where a family reads such files."""
    found = [_held(folder, part, role, precision, original) for part, role in roles.items()]
    if (folder / LORA).is_dir():  # pairs are used in the precision of the network they are on
        found.append(_held(folder, LORA, "network", precision, None))
    return found


def _held(folder: Path, part: str, role: Role, precision: Precision, original: Original | None) -> Held:
    config, wide = read_json(folder / part / "config.json") or {}, 0
    file = original_of(folder / part) if original is not None and part != LORA else None
    if file is not None and original is not None:
        numbers, files = original(file, part, config), [file]
    else:
        shapes = weight_shapes(folder / part)
        numbers = sum(math.prod(shape) for name, shape in shapes.items() if TIED.get(name) not in shapes)
        if precision == "float16" and config.get("model_type") == "t5":
            wide = sum(math.prod(shape) for name, shape in shapes.items() if name.endswith(WIDE))
        files = loaded(folder / part)
    overflows = role == "vae" and precision == "float16" and config.get("force_upcast", True)
    key = part, frozenset(map(_identity, files))
    return Held(part, role, numbers, "float32" if overflows else precision, key, wide)


def _identity(file: Path) -> Hashable:
    """Equal for files that are the same one, by whatever link; of the Hub's cache for files of the same bytes."""
    if (digest := blob_digest(file)) is not None:
        return digest
    try:
        stat = file.stat()
    except OSError:
        return str(file)
    return stat.st_dev, stat.st_ino
