"""What a distillation has measured of itself so far: what `symptoms` judges by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from studio.core.files import Json
from studio.library.curves import Row

Figures = Json  # of `held_out.summary`
Given = Json  # settings


@dataclass(frozen=True)
class Evidence:
    """What a run has measured so far. Lists are oldest first.

    rows: of the metrics file, evenly thinned. teacher: figures at its own step count. teacher_at: in as few steps as the
    student. measured: {"step", "sampling_steps", figures}. contrast: {"step", "sampling_steps", "ratio" to the teacher's}.
    """

    objective: str
    family: str
    settings: Given
    step: int
    steps: int
    rows: Sequence[Row] = ()
    teacher: Figures | None = None
    teacher_at: Mapping[int, Figures] = field(default_factory=dict)
    measured: Sequence[Figures] = ()
    contrast: Sequence[Figures] = ()
    skipped: int = 0

    def logged(self, name: str) -> list[float]:
        """Values of a number of the log, those that were finite."""
        return [v for row in self.rows if isinstance(v := (row.get("log") or {}).get(name), (int, float))]

    def lost(self, network: str) -> list[float]:
        return [v for row in self.rows if isinstance(v := (row.get("losses") or {}).get(network), (int, float))]

    def latest(self) -> list[Figures]:
        """Figures of the newest measurement, one row a step count, fewest steps first."""
        newest = max((row["step"] for row in self.measured), default=-1)
        return sorted((row for row in self.measured if row["step"] == newest), key=lambda row: row["sampling_steps"])


def value_of(figures: Figures, name: str) -> float | None:
    """A figure without its interval; None where it is not known."""
    found = figures.get(name)
    value = found.get("value") if isinstance(found, Mapping) else found
    return float(value) if isinstance(value, (int, float)) else None
