"""Rendered scenes on disk: drawn once, read by every training command of the pocket and nano models."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from studio.domains.pocket.render import render_batch
from studio.domains.pocket.scene import FACTORS, Scene, sample_scene

T = TypeVar("T")
CONTINUOUS = {"x": "x", "size": "scale", "horizon": "horizon_y"}  # what the oracle regresses, fractions of the side


def scenes(n: int, seed: int) -> list[Scene]:
    """``n`` scenes of the world, a function of the seed."""
    rng = np.random.default_rng(seed)
    return [sample_scene(rng) for _ in range(n)]


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def to_images(pixels: np.ndarray) -> Tensor:
    """uint8 [N, H, W, 3] to float [N, 3, H, W] in [0, 1], channels last in memory."""
    return torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float().div_(255)


@dataclass
class SceneSet:
    """``pixels`` uint8 [N, H, W, 3] (memory-mapped), the scenes behind them, and their truth as tensors."""

    pixels: np.ndarray
    scenes: list[Scene]
    labels: dict[str, Tensor]  # factor -> int64 [N]
    values: dict[str, Tensor]  # "x", "size", "horizon" -> float32 [N]

    def __len__(self) -> int:
        return len(self.scenes)

    def images(self, index: Tensor) -> Tensor:
        """float [B, 3, H, W] in [0, 1]"""
        return to_images(self.pixels[index.cpu().numpy()])


def rendered(path: Path, what: Sequence[T], size: int, draw: Callable[[Sequence[T], int], np.ndarray]) -> np.ndarray:
    """Pictures [N, size, size, 3] of what is to be drawn, memory-mapped: drawn once on all cores, then opened."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.npy")  # another process may draw the same
        pixels = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(len(what), size, size, 3))
        starts = range(0, len(what), 500)
        with ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as pool:
            for i, part in zip(starts, pool.map(draw, (what[i : i + 500] for i in starts), repeat(size)), strict=True):
                pixels[i : i + 500] = part
        pixels.flush()
        partial.rename(path)
    return np.load(path, mmap_mode="c")


def scene_set(folder: Path, n: int, size: int, seed: int) -> SceneSet:
    """Render ``n`` scenes at ``size`` px into ``folder`` (or open what is already there)."""
    drawn = scenes(n, seed)
    pixels = rendered(folder / f"scenes-{size}px-{n}-seed{seed}.npy", drawn, size, render_batch)
    labels = [s.labels() for s in drawn]
    return SceneSet(
        pixels=pixels,
        scenes=drawn,
        labels={f: torch.tensor([row[f] for row in labels]) for f in FACTORS},
        values={k: torch.tensor([getattr(s, field) for s in drawn], dtype=torch.float32) for k, field in CONTINUOUS.items()},
    )
