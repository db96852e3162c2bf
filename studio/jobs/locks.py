"""Locks that a killed process lets go of by itself, and processes that cannot be mistaken for one another."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from pathlib import Path

import psutil

from studio.core.files import Json

LOCK_FILE = "lock"  # in a run directory: held by a task that executes it far from any lane's lock
START_TOLERANCE_S = 2.0  # a start time is read from the boot time plus ticks and may be rounded


def identity() -> Json:
    """Who this process is: pid, start time in unix seconds (a pid alone is reused), host."""
    return {"pid": os.getpid(), "started": psutil.Process().create_time(), "host": platform.node()}


def alive(who: Json | None) -> bool | None:
    """Whether the process of an `identity` still runs; None when it lives on another host and cannot be asked."""
    if not who or not isinstance(who.get("pid"), int) or not isinstance(who.get("started"), (int, float)):
        return False
    if who.get("host") != platform.node():
        return None
    try:
        process = psutil.Process(who["pid"])
        if abs(process.create_time() - who["started"]) > START_TOLERANCE_S:
            return False  # the pid now belongs to somebody else
        return process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def lives(who: Json | None, path: Path) -> bool | None:
    """As `alive`, of a process that would hold the lock at `path` while it lives.

    Start times are told by the clock on the wall: when that is set anew, a living process seems to be another one than the one
    that was noted. Whoever holds the lock still, under the same note, lives.
    """
    found = alive(who)
    if found is not False or not who or who.get("host") != platform.node():
        return found
    lock = FileLock(path)
    noted = lock.holder() or {}
    if any(noted.get(name) != who.get(name) for name in ("pid", "started", "host")) or not psutil.pid_exists(noted["pid"]):
        return False
    if lock.acquire():
        lock.release()
        return False
    return True


class FileLock:
    """An exclusive lock on a file, held by an open descriptor: the kernel releases it when the process dies.

    The file's text says who holds it; it is information, the lock is the truth.
    """

    def __init__(self, path: Path):
        self.path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        return self._fd is not None

    def acquire(self, *, wait_s: float = 0.0, **about: object) -> bool:
        """Take the lock, trying for `wait_s` seconds; `about` is written beside who holds it."""
        deadline = time.monotonic() + wait_s
        while not self._try(about):
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        return True

    def release(self) -> None:
        if self._fd is None:
            return
        os.ftruncate(self._fd, 0)
        _unlock(self._fd)
        os.close(self._fd)
        self._fd = None

    def holder(self) -> Json | None:
        """What the holder wrote, or None when nobody did. It may be dead: ask `alive`."""
        try:
            data = json.loads(self.path.read_text() or "null")
        except (OSError, ValueError):
            return None
        return data if isinstance(data, dict) else None

    def _try(self, about: Json) -> bool:
        if self._fd is not None:
            return False
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o660)
        try:
            _lock(fd)
        except OSError:
            os.close(fd)
            return False
        self._fd = fd
        try:
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
            os.write(fd, json.dumps({**identity(), **about}).encode())
        except OSError:  # a full disk: who could not say so does not have it
            self.release()
            raise
        return True

    def __enter__(self) -> FileLock:
        if not self.acquire(wait_s=30.0):
            raise RuntimeError(f"{self.path.name} has been locked for 30 s by {self.holder()}; try again later.")
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # Windows locks are mandatory: lock a byte beyond the text so that others can read it

    def _lock(fd: int) -> None:
        os.lseek(fd, _FAR, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        os.lseek(fd, 0, os.SEEK_SET)

    def _unlock(fd: int) -> None:
        os.lseek(fd, _FAR, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)


def held(run: Path) -> bool:
    """Whether a process holds the run directory, on this machine or another."""
    path = run / LOCK_FILE
    if not path.exists():
        return False
    lock = FileLock(path)
    if lock.acquire():
        lock.release()
        return False
    return True


def wait_free(run: Path, seconds: float) -> bool:
    """Wait until nobody holds the run directory; False when it is still held then."""
    until = time.monotonic() + seconds
    while held(run):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
