"""Processes that die at the n-th change they make to a data folder: every file opened for writing, line written, rename, removal,
new folder and statement to the index is a point at which a kill may come."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from studio.jobs.store import Store

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")
OURS = ("runs", "models", "trash")  # of the data folder; heartbeats and caches are not of a job's life
DIED = -signal.SIGKILL


class Points:
    """Counts the points of this process, and ends it without a word at the n-th."""

    def __init__(self, root: Path, at: int):
        self.ours = tuple(str(root / name) for name in OURS)
        self.at, self.passed = at, 0

    def point(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        sys.addaudithook(self._heard)
        write, do = os.write, Store._do

        def counted_write(fd: int, data: bytes) -> int:
            self.point()
            return write(fd, data)

        def counted_do(store: Store, work: Callable[..., object]) -> object:
            self.point()
            found = do(store, work)
            self.point()  # after its commit
            return found

        os.write = counted_write  # type: ignore[assignment]
        Store._do = counted_do  # type: ignore[assignment,method-assign]

    def _heard(self, event: str, given: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if (writes or event in CHANGES) and str(given[0]).startswith(self.ours):
            self.point()


def dying(root: Path, at: int, work: Callable[[], None]) -> int:
    """Exit status of a forked process that does this and dies at its `at`-th point; 0 when it came to its end before."""

    def child() -> None:
        Points(root, at).install()
        work()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(120)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode
