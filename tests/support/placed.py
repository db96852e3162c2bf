"""Folders put together whole, as the list of models does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.library import placing


def single_file(file: Path, target: Path, **how: Any) -> Any:
    with placing.whole(target) as draft:
        return placing.single_file(file, draft, **how)


def network_on(base: Path, network: Path, target: Path) -> None:
    with placing.whole(target) as draft:
        placing.network_on(base, network, draft)


def lora_on(base: Path, lora: Path, target: Path, scale: float = 1.0) -> None:
    with placing.whole(target) as draft:
        placing.lora_on(base, lora, draft, scale)
