"""How much somebody may still ask for: so many a minute, which come back evenly (a token bucket).

left = Allowance(per_minute=12)
left.wait("ada", 1)  # seconds until one more may be asked for, 0 where it may now
left.take("ada", 1)
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

REMEMBERED = 10_000  # people; whoever asked longest ago is forgotten first, and is full again


class Allowance:
    """A bucket of `per_minute` for each name, full at first. Not for several threads at once."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic):
        self.most, self._clock = float(per_minute), clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name -> (left, when that was)

    def wait(self, name: str, amount: float) -> float:
        """Seconds until `amount` is there; infinite where it is more than a bucket holds."""
        if amount > self.most:
            return float("inf")
        return max(0.0, amount - self._now(name)) * 60.0 / self.most

    def take(self, name: str, amount: float) -> None:
        """Ask `wait` first: a bucket does not go below empty."""
        self._left[name] = max(0.0, self._now(name) - amount), self._clock()
        self._left.move_to_end(name)
        while len(self._left) > REMEMBERED:
            self._left.popitem(last=False)

    def _now(self, name: str) -> float:
        left, then = self._left.get(name, (self.most, self._clock()))
        return min(self.most, left + (self._clock() - then) * self.most / 60.0)
