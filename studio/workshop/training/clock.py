"""Where the seconds of a training go, by part; a part inside another counts for itself alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Making:
    """Something prepared piece by piece: (seconds, pieces) between its reports, of so many. stage: its name, where it is a stage
    of its own and not the material that a request says how much of is made."""

    total: int
    done: int
    at: float
    stage: str = ""
    seconds: float = 0.0
    pieces: int = 0


@dataclass
class Clock:
    """waited: seconds spent so far on letting others use the device, which are nobody's."""

    waited: Callable[[], float]
    spent: dict[str, float] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    made: list[Making] = field(default_factory=list)

    def now(self) -> float:
        return time.monotonic() - self.waited()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        begun, inside = self.now(), sum(self.spent.values())
        try:
            yield
        finally:
            inner = sum(self.spent.values()) - inside
            self.spent[name] = self.spent.get(name, 0.0) + self.now() - begun - inner
            self.times[name] = self.times.get(name, 0) + 1

    def making(self, done: int, total: int, stage: str = "") -> None:
        """What is prepared says how far it is. The time of its first piece is not told from that of opening things."""
        last = self.made[-1] if self.made else None
        if last is None or (last.total, last.stage) != (total, stage) or done <= last.done:
            self.made.append(Making(total, done, self.now(), stage))
            return
        now = self.now()
        last.seconds, last.pieces, last.done, last.at = last.seconds + now - last.at, last.pieces + done - last.done, done, now

    @property
    def material(self) -> list[Making]:
        """What was prepared in more than one piece, without stages."""
        return [one for one in self.made if one.pieces and not one.stage]

    def stages(self) -> dict[str, float]:
        """Seconds of one piece, by stage."""
        return {one.stage: one.seconds / one.pieces for one in self.made if one.pieces and one.stage}

    def mean(self, name: str) -> float | None:
        """Seconds of one time; None where there was none."""
        return self.spent[name] / self.times[name] if name in self.times else None
