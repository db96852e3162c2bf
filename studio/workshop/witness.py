"""A second witness: a network taught on other pictures, where one is installed. Worker side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.workshop.open_models import ModelCache

if TYPE_CHECKING:
    from studio.families.efficientnet_lite import Witness


def open_installed(models: ModelCache) -> Witness | None:
    """Kept open among the models; None where the optional package is not installed."""
    from studio.families.efficientnet_lite import installed, open_witness

    path = installed()
    if path is None:
        return None
    found: Witness = models.keep(
        "second witness", (path.stat().st_mtime_ns,), lambda: open_witness(path, models.device), 20 << 20
    )
    return found
