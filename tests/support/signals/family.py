"""Folders of signal models (`studio.core.family.Family`): `signal.json`, `weights.safetensors`, recipe and card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from studio.core.family import Checkpoint
from studio.families import FAMILIES


class SignalModels:
    name = "signals"

    def knows(self, folder: Path) -> bool:
        return (folder / "signal.json").is_file()

    def describe(self, folder: Path) -> Checkpoint:
        if not (folder / "weights.safetensors").is_file():
            return Checkpoint(reason="it has no weights")
        length = json.loads((folder / "signal.json").read_text())["length"]
        return Checkpoint(shape=(1, length), prediction="v", architecture="signal-1")

    def timesteps(self, folder: Path, n: int, spacing: str | None) -> tuple[float, ...]:
        return tuple(round(999 * (1 - i / n)) for i in range(n))

    def architecture(self, folder: Path) -> str:
        return "signal-1"

    def open(self, folder: Path, id: str, device: str, dtype: Any = None, beside: Any = ()) -> Any:
        from tests.support.signals.model import SignalModel

        return SignalModel(folder, id, device)


FAMILIES.add("signals")(SignalModels())
