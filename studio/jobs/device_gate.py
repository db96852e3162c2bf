"""Who uses the device now, where training and interactive requests share one.

Two locked files a device, both let go of by the kernel when their process dies: whoever computes holds `.lock`, and an
interactive request announces itself by holding `.turn` first. Training looks at the announcement between two of its
steps (one `stat`), lets go of the device, waits until nobody is announced any more and goes on. So a request waits for
at most one training step, and never the other way round.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from studio.jobs.locks import FileLock

POLL_S = 0.003
Check = Callable[[], None]


class Gate:
    """One process's (or thread's) view of a device. `device` as torch names it; cuda and cuda:0 are one."""

    def __init__(self, folder: Path, device: str):
        name = f"{device}:0" if device == "cuda" else device
        self.folder, self._name = folder, name.replace(":", "-")
        self._device = FileLock(self._path("lock"))
        self._turn = FileLock(self._path("turn"))
        self._probe = FileLock(self._path("turn"))
        self.waited_s = 0.0  # spent in `step` and `enter` so far

    def _path(self, suffix: str) -> Path:
        return self.folder / f"device-{self._name}.{suffix}"

    @contextmanager
    def first(self, check: Check = lambda: None) -> Iterator[None]:
        """Hold the device, before any training. `check` is called while waiting and may raise to give up."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            _take(self._turn, check)
            _take(self._device, check)
            yield
        finally:
            self._device.release()
            self._turn.release()

    @contextmanager
    def lent(self, check: Check = lambda: None) -> Iterator[None]:
        """Inside of `first`: training has the device until the end of the block, an error in it aside."""
        self._device.release()
        self._turn.release()
        yield
        _take(self._turn, check)
        _take(self._device, check)

    def enter(self, check: Check = lambda: None) -> None:
        """Take the device for training, after every request that is announced."""
        if self._device.held:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        while self.wanted() or not self._device.acquire(role="batch"):
            check()
            time.sleep(POLL_S)
        self.waited_s += time.monotonic() - begun

    def step(self, check: Check = lambda: None) -> None:
        """Between two training steps: let a request go first, and return when it is done."""
        if self.wanted():
            self.leave()
            self.enter(check)

    def leave(self) -> None:
        self._device.release()

    def wanted(self) -> bool:
        """Whether a living request is announced (or being served)."""
        try:
            if os.stat(self._turn.path).st_size == 0:
                return False
        except OSError:
            return False
        if self._probe.acquire():  # the text is there but nobody holds it: left behind by a killed process
            self._probe.release()
            return False
        return True


def _take(lock: FileLock, check: Check) -> None:
    while not lock.acquire(role="interactive"):
        check()
        time.sleep(POLL_S)
