"""Pictures that a person brings for a subject: of a folder or one by one, and as they are kept. Importing this needs no torch."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.explain import brief
from studio.library.picture_pairs import ENDINGS, FORMATS, MAX_SIDE, MIN_SIDE

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PICTURES = 100  # of a subject: to learn from, and as many held back
KEPT_SIDE = 2048  # pixels of the shorter side; larger pictures are kept smaller
MAX_BYTES = 50_000_000  # of a picture's file


def in_order(files: Iterable[Path]) -> list[Path]:
    """By name, numbers in it by their value: 2.png before 10.png."""
    return sorted(files, key=lambda file: [part.zfill(12) if part.isdigit() else part for part in re.split(r"(\d+)", file.name)])


def intake(path: Path) -> list[tuple[str, bytes]]:
    """The pictures of a folder, or one picture: file names and bytes, by name. ValueError in one sentence."""
    files = in_order(path.iterdir()) if path.is_dir() else [path]
    files = [file for file in files if file.suffix.lower() in ENDINGS and file.name[0] != "." and file.is_file()]
    if not files:
        raise ValueError(f"{brief(path.name)} holds no pictures; PNG, JPEG or WebP files would fit.")
    if len(files) > 2 * MAX_PICTURES:
        raise ValueError(f"{brief(path.name)} holds {len(files):,} pictures; up to {2 * MAX_PICTURES} fit.")
    if large := next((file for file in files if file.stat().st_size > MAX_BYTES), None):
        raise ValueError(f"{brief(large.name)} has more than {MAX_BYTES:,} bytes; a smaller picture would fit.")
    return [(file.name, file.read_bytes()) for file in files]


def opened(name: str, given: Image | bytes) -> Image:
    """A picture as it is kept: upright, RGB on white, its shorter side at most `KEPT_SIDE`. ValueError in one sentence."""
    from PIL import Image, ImageOps

    try:
        image = Image.open(io.BytesIO(given), formats=FORMATS) if isinstance(given, bytes) else given
        if not all(MIN_SIDE <= side <= MAX_SIDE for side in image.size):
            width, height = image.size
            raise _Size(f"{brief(name)} has {width} × {height} pixels; sides from {MIN_SIDE} to {MAX_SIDE:,} fit.")
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    except _Size:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"{brief(name)} is no picture that can be read; a PNG, JPEG or WebP file would fit.") from error
    flat = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright).convert("RGB")
    share = KEPT_SIDE / min(flat.size)
    if share >= 1:
        return flat
    width, height = (round(side * share) for side in flat.size)
    return flat.resize((width, height), Image.Resampling.LANCZOS)


class _Size(ValueError):
    pass
