"""Which attacks there are, read from the folder `attacks` without importing them: they need torch, and requests do not."""

from __future__ import annotations

from pathlib import Path

from studio.core.registry import described

FOLDER = Path(__file__).parent / "attacks"


def known_attacks() -> dict[str, str]:
    """Name -> what it does, as its module says."""
    return described(FOLDER)
