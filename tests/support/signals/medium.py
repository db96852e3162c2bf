"""Signals [N, 1, L], NaN past their end, as plots and as numbers (`studio.core.medium.Medium`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 64  # pixels of a plot


class SignalPlots:
    name, pictures = "signal", False
    types: Mapping[str, str] = {".signal.json": "application/json"}
    viewer = Path(__file__).with_name("viewer.js")

    def still(self, samples: Tensor, side: int | None = None) -> np.ndarray:
        side = min(side or SIDE, SIDE)
        plots = np.full((len(samples), side, side, 3), 255, dtype=np.uint8)
        for plot, signal in zip(plots, samples[:, 0].cpu().numpy(), strict=True):
            heard = signal[~np.isnan(signal)]
            columns = np.linspace(0, side * len(heard) / len(signal) - 1, len(heard)).round().astype(int)
            rows = ((1 - heard.clip(-1.5, 1.5) / 1.5) / 2 * (side - 1)).round().astype(int)
            plot[rows, columns] = (20, 60, 120)
        return plots

    def files(self, samples: Tensor, i: int) -> Mapping[str, bytes]:
        heard = [round(float(value), 4) for value in samples[i, 0] if value == value]
        return {".signal.json": json.dumps({"samples": heard}).encode()}
