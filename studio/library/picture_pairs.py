"""A folder of picture pairs for a slider: the same picture with less and with more of what it is to move.

<folder>/low/ and <folder>/high/, or folders named by numbers from −1 to 1, hold pictures of the same names. The folder lies in
the data folder's uploads, or in a folder that whoever runs the studio names in `$STUDIO_PICTURES`: requests come from the page
as well, and what else is on the machine is nobody's business there. Importing this needs no torch.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.explain import brief
from studio.jobs.paths import Paths
from studio.library.hint_uses import uploads

if TYPE_CHECKING:
    from torch import Tensor

VARIABLE = "STUDIO_PICTURES"  # folders of pictures, separated as $PATH is
NAMED = {"low": -1.0, "high": 1.0}
ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PICTURES, MIN_SIDE, MAX_SIDE = 4000, 16, 8192
BATCH_PIXELS = 4 * 512 * 512  # of pictures that are encoded together
LEVELS = "low and high, or numbers from −1 to 1"


@dataclass(frozen=True)
class Pairs:
    """levels: ascending, with their folders. names: of the files that every one of them holds. digest: of what is there."""

    levels: tuple[float, ...]
    folders: tuple[Path, ...]
    names: tuple[str, ...]
    digest: str

    def batches(self, side: int) -> Iterator[Tensor]:
        """Pictures [B, 3, side, side] in [0, 1], all levels of the first name first; the middle square of each."""
        import torch

        files = [folder / name for name in self.names for folder in self.folders]
        at_once = max(1, BATCH_PIXELS // side**2)
        for i in range(0, len(files), at_once):
            yield torch.stack([read_picture(file, side) for file in files[i : i + at_once]])


def pairs_in(paths: Paths, given: str) -> Pairs:
    """The pairs of a request's folder. ValueError in one sentence where the folder, its names or sizes do not fit."""
    folder = place(paths, given, f"one that holds folders called {LEVELS},")
    levels = _levels(folder, given)
    held = {
        level: {file.name for file in at.iterdir() if file.suffix.lower() in ENDINGS and file.name[0] != "."}
        for level, at in levels.items()
    }
    names = sorted(set.union(*held.values()))
    if not names:
        raise ValueError(f"The folders of {brief(given)} hold no pictures; PNG, JPEG or WebP files would fit.")
    for level, found in held.items():
        if lacking := sorted(set(names) - found):
            raise ValueError(
                f"{levels[level].name} of {brief(given)} has no {brief(lacking[0])}, which another level has; "
                "every level needs pictures of the same names."
            )
    if len(names) * len(levels) > MAX_PICTURES:
        raise ValueError(f"{brief(given)} holds {len(names) * len(levels):,} pictures; up to {MAX_PICTURES:,} fit.")
    digest = hashlib.sha256()
    for name in names:
        sizes = [size_of(at / name) for at in levels.values()]
        if len(set(sizes)) > 1:
            shown = " and ".join(f"{w} × {h}" for w, h in dict.fromkeys(sizes))
            raise ValueError(f"The pictures {brief(name)} of {brief(given)} have {shown} pixels; those of a pair need one size.")
        for level, at in levels.items():
            stat = (at / name).stat()
            digest.update(f"{level} {name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return Pairs(tuple(levels), tuple(levels.values()), tuple(names), digest.hexdigest()[:12])


def place(paths: Paths, given: str, fits: str) -> Path:
    """Where the folder is; what lies elsewhere is refused alike, whether it is there or not. fits: what would, for errors."""
    roots = [uploads(paths), *(Path(root) for root in os.environ.get(VARIABLE, "").split(os.pathsep) if root)]
    try:
        found = (roots[0] / Path(given).expanduser()).resolve()
        allowed = any(root.expanduser().resolve() in found.parents for root in roots)
    except (OSError, RuntimeError, ValueError):
        allowed = False
    if not allowed:
        raise ValueError(
            f"{brief(given)} is no folder of pictures here; the name of one in the data folder's uploads would fit, "
            f"or a path below a folder named in ${VARIABLE}."
        )
    if not os.path.isdir(found):  # no error for names that no disk can hold
        raise ValueError(f"There is no folder {brief(given)}; {fits} would fit.")
    return found


def _levels(folder: Path, given: str) -> dict[float, Path]:
    """Folders by level, ascending."""
    found: dict[float, Path] = {}
    for at in sorted(folder.iterdir()):
        if at.name.startswith(".") or not at.is_dir():
            continue
        level = _level(at.name)
        if level is None:
            raise ValueError(f"{brief(at.name)} in {brief(given)} is no level; folders called {LEVELS}, would fit.")
        if level in found:
            raise ValueError(f"{found[level].name} and {at.name} in {brief(given)} are the same level; one folder each fits.")
        found[level] = at
    if not found or not min(found) < 0 < max(found):
        shown = ", ".join(at.name for at in found.values()) or "no folders"
        raise ValueError(f"{brief(given)} has {shown}; levels below and above 0, like low and high, would fit.")
    return dict(sorted(found.items()))


def _level(name: str) -> float | None:
    if name.lower() in NAMED:
        return NAMED[name.lower()]
    try:
        level = float(name.replace("−", "-"))
    except ValueError:
        return None
    return level if math.isfinite(level) and -1 <= level <= 1 else None


def size_of(file: Path) -> tuple[int, int]:
    """Width and height, from the head of the file."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file, formats=FORMATS) as image:
            size: tuple[int, int] = image.size
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"{brief(file.name)} in {file.parent.name} is no picture that can be read; a PNG would fit.") from error
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
        raise ValueError(f"{brief(file.name)} has {size[0]} × {size[1]} pixels; sides from {MIN_SIDE} to {MAX_SIDE:,} fit.")
    return size


def read_whole(file: Path) -> Tensor:
    """[3, H, W] in [0, 1], as it is. ValueError where the file is damaged."""
    import numpy as np
    import torch
    from PIL import Image, ImageOps

    try:
        with Image.open(file, formats=FORMATS) as image:
            whole = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).copy()
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"{brief(file.name)} in {file.parent.name} is damaged; a whole PNG would fit.") from error
    return torch.from_numpy(whole).permute(2, 0, 1).float() / 255


def read_picture(file: Path, side: int) -> Tensor:
    """[3, side, side] in [0, 1], the middle square. ValueError where the file is damaged."""
    import numpy as np
    import torch
    from PIL import Image, ImageOps

    try:
        with Image.open(file, formats=FORMATS) as image:
            square = ImageOps.fit(ImageOps.exif_transpose(image).convert("RGB"), (side, side), Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"{brief(file.name)} in {file.parent.name} is damaged; a whole PNG would fit.") from error
    return torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1).float() / 255
