"""Which judges there are, read from the folder `judges` without importing them: they need torch, and requests do not."""

from __future__ import annotations

from pathlib import Path

from studio.core.registry import described

FOLDER = Path(__file__).parent / "judges"


def known_judges() -> dict[str, str]:
    """Name -> who it is, as its module says."""
    return described(FOLDER)
