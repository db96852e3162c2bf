"""What is to be said once and not several times a second."""

from __future__ import annotations

import threading
import time

MOST = 256  # different things that are remembered


class Seldom:
    """Whether it is time to say something again: `if seldom(text): print(text)`. Safe from any thread."""

    def __init__(self, seconds: float = 60.0):
        self.seconds = seconds
        self._said: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, text: str) -> bool:
        """True at most once in `seconds` for equal texts."""
        now = time.monotonic()
        with self._lock:
            last = self._said.get(text)
            if last is not None and now - last < self.seconds:
                return False
            if len(self._said) >= MOST:
                self._said.clear()
            self._said[text] = now
            return True
