"""Signals made and read back (`studio.core.domain.Hands`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from studio.core.denoiser import Cond
from studio.core.domain import Oracle, Said, Seed, Stated
from studio.core.files import Json
from studio.core.material import Reward
from tests.support.signals.face import FACTORS, LONGEST, SHORTEST

PERIODS = {"low": 16.0, "high": 8.0}  # samples
CLEAN = 0.85  # share of a signal's energy that the nearest pure one must explain
TURNS = 16  # phases that are tried


@dataclass(frozen=True)
class Signal:
    wave: str
    pitch: str
    loudness: float  # in (0, 1]
    phase: float  # 0 or a half
    length: int


def pure(wave: str, pitch: str, phase: Any) -> np.ndarray:
    """[..., LONGEST] of amplitude 1."""
    turn = (np.arange(LONGEST) / PERIODS[pitch] + np.asarray(phase)[..., None]) % 1
    return {"sine": np.sin(2 * np.pi * turn), "square": np.where(turn < 0.5, 1.0, -1.0), "saw": 2 * turn - 1}[wave]


def loud(rng: np.random.Generator, level: float) -> Signal:
    item = SignalHands().items(1, rng)[0]
    return Signal(item.wave, item.pitch, 0.6 + 0.3 * level, item.phase, item.length)


class SignalHands:
    def items(self, n: int, seed: Seed, stated: Stated | None = None) -> list[Signal]:
        rng = np.random.default_rng(seed)
        found = []
        for _ in range(n):
            drawn = {name: str(rng.choice(factor.values, p=factor.probabilities)) for name, factor in FACTORS.items()}
            drawn |= stated or {}
            found.append(Signal(drawn["wave"], drawn["pitch"], float(rng.uniform(0.4, 1)), 0.5 * int(rng.integers(2)),
                                int(rng.integers(SHORTEST, LONGEST + 1))))  # fmt: skip
        return found

    def samples(self, items: Sequence[Signal], shape: Sequence[int]) -> Tensor:
        made = np.full((len(items), 1, LONGEST), np.nan, dtype=np.float32)
        for row, item in zip(made, items, strict=True):
            row[0, : item.length] = item.loudness * pure(item.wave, item.pitch, item.phase)[: item.length]
        return torch.from_numpy(made)

    def given(self, item: Signal) -> Json:
        return {"length": item.length}

    def project(self, x: Tensor, given: Cond) -> Tensor:
        """Nothing past the end."""
        ends = given["length"].to(x.device).reshape(-1, 1, 1)
        return x * (torch.arange(x.shape[-1], device=x.device) < ends)

    def caption(self, item: Signal, rng: np.random.Generator | None = None, taught: bool = False) -> str:
        if rng is None or rng.random() < 0.5:
            return f"a {item.wave}"
        return f"a {item.pitch} {item.wave}"

    def state(self, item: Signal) -> Stated:
        return {"wave": item.wave, "pitch": item.pitch}

    def line(self, item: Signal, word: str, shows: Stated, rng: np.random.Generator) -> str:
        raise ValueError("Signals are taught no new words.")

    def oracle(self, folder: Path, device: str) -> Oracle:
        if not (folder / "oracle.json").is_file():
            raise FileNotFoundError(f"No oracle in {folder}.")
        return SignalOracle()

    def amiss(self, items: Sequence[Signal], shape: Sequence[int], seed: Seed) -> Mapping[str, tuple[str, Tensor]]:
        return {}

    def hint(self, kind: str, source: Any, shape: Sequence[int]) -> Tensor:
        raise ValueError("No hints of signals are known.")

    def agreement(self, items: Sequence[Signal], shape: Sequence[int]) -> Any:
        raise ValueError("No hints of signals are known.")

    def reward(self, oracle: Oracle, asked: Sequence[Said]) -> Reward:
        raise ValueError("No reward of signals is known.")


@dataclass(frozen=True)
class SignalReadings:
    labels: Mapping[str, Tensor]
    values: Mapping[str, Tensor]
    features: Tensor
    score: Tensor
    in_distribution: Tensor

    def __len__(self) -> int:
        return len(self.score)

    def rows(self, index: Tensor) -> SignalReadings:
        labels, values = ({name: part[index] for name, part in parts.items()} for parts in (self.labels, self.values))
        return SignalReadings(labels, values, self.features[index], self.score[index], self.in_distribution[index])


class SignalOracle:
    """Compares with every pure wave, whatever the length."""

    key, shape = "signals-1", (1, LONGEST)

    def __init__(self) -> None:
        kinds = [(wave, pitch) for wave in FACTORS["wave"].values for pitch in FACTORS["pitch"].values]
        phases = np.arange(TURNS) / TURNS
        self.pure = torch.tensor(np.stack([pure(wave, pitch, phases) for wave, pitch in kinds]), dtype=torch.float32)

    def read(self, samples: Tensor) -> SignalReadings:
        heard = (~samples[:, 0].isnan()).float().cpu()
        x = samples[:, 0].nan_to_num().cpu()
        explained = self._explained(x, heard)
        best = explained.max(1)
        length = heard.sum(1)
        return SignalReadings(
            {"wave": best.indices // 2, "pitch": best.indices % 2},
            {"loudness": x.abs().amax(1), "length": length},
            self.features_of(samples).detach().cpu(),
            best.values,
            best.values > CLEAN,
        )

    def features_of(self, samples: Tensor) -> Tensor:
        x = samples[:, 0].nan_to_num()
        return torch.cat([self._explained(x, (~samples[:, 0].isnan()).float()), x.square().mean(1, keepdim=True).sqrt()], 1)

    def _explained(self, x: Tensor, heard: Tensor) -> Tensor:
        """[N, kinds]: share of the energy that the best phase of each kind explains."""
        pure = self.pure.to(x) * heard.to(x)[:, None, None]  # [N, kinds, phases, L]
        along = (pure * x[:, None, None]).sum(-1)
        explained = along.clamp_min(0) ** 2 / pure.square().sum(-1).clamp_min(1e-6)
        return explained.amax(2) / x.square().sum(1, keepdim=True).clamp_min(1e-6)
