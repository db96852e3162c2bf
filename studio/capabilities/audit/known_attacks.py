"""Which attacks there are, read from the folder `attacks` without importing them: they need torch, and requests do not."""

from __future__ import annotations

from pathlib import Path

from studio.core.files import Json
from studio.core.registry import described

FOLDER = Path(__file__).parent / "attacks"


def known_attacks() -> dict[str, str]:
    """Name -> what it does, as its module says; by name."""
    return {one["name"]: one["about"] for one in sorted(cards(), key=lambda one: str(one["name"]))}


def cards() -> list[Json]:
    """[{"name", "title", "clause", "access", "about"}] as decorators say it, in the order of reports."""
    return [{k: v for k, v in one.items() if k != "order"} for one in described(FOLDER, "attack")]
