"""What lists and the header show of runs and of the processes that serve lanes."""

from __future__ import annotations

from dataclasses import dataclass

from studio.jobs.events import FINAL
from studio.jobs.executors import LOCAL


@dataclass(frozen=True)
class RunInfo:
    """What a list shows of a run. Times are unix seconds; `ahead` counts the runs before a queued one."""

    id: str
    kind: str
    lane: str
    title: str
    state: str
    note: str
    created: float
    started: float | None
    finished: float | None
    ahead: int = 0
    station: str = ""  # whose process takes it: the lane's, or the executor's of that name

    @property
    def final(self) -> bool:
        return self.state in FINAL

    @property
    def executor(self) -> str:
        """Where it is executed: local, or an engine's name."""
        return LOCAL if self.station == self.lane else self.station


@dataclass(frozen=True)
class LaneStatus:
    """What a lane's worker is doing. `state`: absent, starting, warming, ready, busy or silent."""

    lane: str
    state: str
    note: str
    run: str | None = None
    device: str | None = None
    models: tuple[str, ...] = ()  # opened and warm
    warm_bytes: int = 0
    pid: int | None = None
