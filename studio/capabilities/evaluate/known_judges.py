"""Which judges there are, read from the folder `judges` without importing them: they need torch, and requests do not."""

from __future__ import annotations

from pathlib import Path

from studio.core.files import Json
from studio.core.registry import described

VARIABLE = "STUDIO_JUDGES"  # further modules
FOLDER = Path(__file__).parent / "judges"


def known_judges() -> dict[str, str]:
    """Name -> who it is, as its module says; the better ones first."""
    return {one["name"]: one["about"] for one in cards()}


def cards() -> list[Json]:
    """[{"name", "title", "about"}] as decorators say it, the better ones first."""
    return [{k: v for k, v in one.items() if k != "order"} for one in described(FOLDER, "judge", VARIABLE)]
