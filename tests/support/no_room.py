"""Disks without room, for tests of what is said then and of what stays."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def no_room(at: int) -> Iterator[None]:
    """No file grows beyond `at` bytes: writes fail where they would on a full disk, with EFBIG, and nobody has to be root."""
    resource = pytest.importorskip("resource", reason="Windows has no limit on the size of files.")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    kept = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, kept)


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[Callable[[int], None]]:
    """A disk of its own in `folder`, in memory; gives a function that changes its size. Only root of a machine may do this."""

    def call(*words: str) -> bool:
        try:
            return subprocess.run(words, capture_output=True).returncode == 0
        except FileNotFoundError:
            return False

    folder.mkdir(parents=True, exist_ok=True)
    if not call("mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder)):
        pytest.skip("A disk of a few kilobytes can be mounted by root alone; a limit on files stands in for it beside this test.")
    try:
        yield lambda now: None if call("mount", "-o", f"remount,size={now}k", str(folder)) else pytest.fail("not remounted")
    finally:
        call("umount", "-l", str(folder))
