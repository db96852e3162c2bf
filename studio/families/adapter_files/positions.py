"""Where features of a sample stand (`core.position`), in a file beside an adapter: no other program has a place for it.

`<stem>.position.safetensors` holds one tensor, named as the layer behind which it is added, and the extent of the sample in its
header. An adapter whose card says that it was taught on patches does nothing good without it, and is refused.
"""

from __future__ import annotations

from pathlib import Path

from studio.core.edit import EditCard
from studio.core.position import Position
from studio.families.adapter_files.container import as_float, open_safetensors, shown

EXTENT = "extent"
MOST = 1 << 24  # bytes


def beside(path: Path) -> Path:
    """The file that belongs to the adapter at a path."""
    return path.with_name(f"{path.stem}.position.safetensors")


def is_position(path: Path) -> bool:
    return path.name.endswith(".position.safetensors")


def read(path: Path, card: EditCard) -> Position | None:
    """Of the adapter at a path, where it has one. ValueError in one sentence where its card says otherwise, or it is damaged."""
    file = beside(path)
    there, wanted = file.is_file(), card.mode == "patches"
    if wanted and not there:
        raise ValueError(
            f"{shown(path.name)} was taught on patches, and {shown(file.name)}, which says where each lies, is not beside it; "
            "both files together would fit"
        )
    if there and not wanted:
        raise ValueError(
            f"{shown(path.name)} was not taught on patches, and {shown(file.name)} is beside it; the adapter alone would fit"
        )
    if not there:
        return None
    tensors, header = open_safetensors(file, MOST)
    try:
        ((layer, weights),) = tensors.items()
        return Position(layer, as_float(weights, layer), tuple(float(end) for end in header[EXTENT].split()))
    except (KeyError, ValueError) as error:
        raise ValueError(f"{shown(file.name)} is damaged; the file as it was written would fit") from error
