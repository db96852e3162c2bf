"""Weights that come through the page: one file at a time, streamed to the data folder's `models/uploads/`. No torch.

A file is written under a name of its own and gets its own only when all its bytes are there, so a broken upload leaves nothing.
"""

from __future__ import annotations

from pathlib import Path

from studio.jobs.paths import Paths


def uploads(paths: Paths) -> Path:
    return paths.models / "uploads"


def is_upload(paths: Paths, place: Path) -> bool:
    """Whether a file came through the page."""
    return place.resolve().parent == uploads(paths).resolve()
