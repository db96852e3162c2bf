"""A folder of pictures of one thing, for a new word. It lies where folders of pairs lie (`library.picture_pairs`).

Importing this needs no torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.explain import brief
from studio.jobs.paths import Paths
from studio.library.picture_pairs import BATCH_PIXELS, ENDINGS, place, read_picture, size_of

if TYPE_CHECKING:
    from torch import Tensor

MAX_PICTURES = 1000


@dataclass(frozen=True)
class Pictures:
    """files: by name. digest: of what is there."""

    files: tuple[Path, ...]
    digest: str

    def batches(self, side: int) -> Iterator[Tensor]:
        """[B, 3, side, side] in [0, 1], the middle square of each."""
        import torch

        at_once = max(1, BATCH_PIXELS // side**2)
        for i in range(0, len(self.files), at_once):
            yield torch.stack([read_picture(file, side) for file in self.files[i : i + at_once]])


def pictures_in(paths: Paths, given: str) -> Pictures:
    """The pictures of a request's folder. ValueError in one sentence where the folder or a picture does not fit."""
    folder = place(paths, given, "one that holds pictures of one thing")
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in ENDINGS and f.name[0] != "." and f.is_file())
    if not files:
        raise ValueError(f"{brief(given)} holds no pictures; PNG, JPEG or WebP files would fit.")
    if len(files) > MAX_PICTURES:
        raise ValueError(f"{brief(given)} holds {len(files):,} pictures; up to {MAX_PICTURES:,} fit.")
    digest = hashlib.sha256()
    for file in files:
        size_of(file)  # says what cannot be read
        stat = file.stat()
        digest.update(f"{file.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return Pictures(tuple(files), digest.hexdigest()[:12])
