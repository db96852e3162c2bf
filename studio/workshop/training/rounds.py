"""What an update takes in each round of a training: rounds may differ, and a few updates of each tell of a whole run."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence

from studio.core.trainer import Progress


class Rounds:
    """starts: at which steps rounds begin, and the end (`Trainer.starts`). The first update of a round in a process may also
    prepare, so it counts only where it is alone."""

    def __init__(self, starts: Callable[[], Sequence[int]]):
        self._starts = starts
        self._first: dict[int, float] = {}
        self._later: dict[int, tuple[float, int]] = {}  # (seconds, updates)

    def add(self, progress: Progress) -> None:
        number = bisect.bisect_right(self._starts()[:-1], progress.step - 1) - 1
        if number not in self._first:
            self._first[number] = progress.seconds
            return
        seconds, updates = self._later.get(number, (0.0, 0))
        self._later[number] = seconds + progress.seconds, updates + 1

    def mean(self) -> float:
        """Seconds an update, over a whole run; a round that was not seen counts as the one before it, or the first that was. 0
        before any update."""
        means = self._first | {number: seconds / updates for number, (seconds, updates) in self._later.items()}
        if not means:
            return 0.0
        starts, last, total = self._starts(), means[min(means)], 0.0
        for number, (begin, end) in enumerate(zip(starts[:-1], starts[1:], strict=True)):
            last = means.get(number, last)
            total += (end - begin) * last
        return total / starts[-1]
