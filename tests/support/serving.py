"""The real studio, `app.py` in a process of its own on a free port: with its workers and the built-in models."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from studio.jobs.locks import FileLock
from studio.jobs.paths import ROOT
from studio.library.stock import open_jobs

START_S = 120


def free_port() -> int:
    """Of the whole range: two pages that start at once both find Gradio's first port free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Studio:
    """`app.py` on one data folder: `.address`, `.jobs`, `.process`. May be started again after it was killed."""

    def __init__(self, data: Path):
        self.data, self.jobs = data, open_jobs(data)
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "app.py", "--port", str(self.port), "--device", "cpu", "--data-dir", str(self.data)]
        self.log = open(self.data / "app.log", "ab")  # noqa: SIM115 - a pipe nobody reads would fill up
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=self.log, stderr=subprocess.STDOUT)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"app.py ended: {(self.data / 'app.log').read_text()}")
            try:
                opener.open(self.address, timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"nothing answered at {self.address}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)
        self.log.close()

    def worker(self, lane: str) -> int | None:
        """The process that works on a lane of this data folder."""
        return (FileLock(self.jobs.paths.lane(lane, "lock")).holder() or {}).get("pid")

    def end(self) -> None:
        """The server and all that works for it."""
        self.kill()
        for lane in ("interactive", "batch", "downloads"):
            if pid := self.worker(lane):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def serving(data: Path) -> Iterator[Studio]:
    """The studio on a data folder, started, and ended with all that works for it."""
    made = Studio(data)
    try:
        made.start()
        yield made
    finally:
        made.end()


def to_tab(page: Any, name: str) -> None:
    """Choose a tab; on a phone the last ones are in a menu, where Gradio puts them once it has measured the page."""
    wait = f"[id='{name.lower()}']:visible"
    for _ in range(20):
        here = page.locator(f"button[role=tab]:visible:has-text('{name}')")
        if here.count():
            here.first.click()
        else:
            page.click(".overflow-menu > button")
            page.click(f".overflow-dropdown button:has-text('{name}')")
        if seen(page, wait):
            return
    raise AssertionError(f"The tab {name} was not chosen.")


def seen(page: Any, selector: str) -> bool:
    """Whether it is on the page within three seconds."""
    from playwright.sync_api import TimeoutError as Late

    try:
        page.wait_for_selector(selector, timeout=3000)
    except Late:
        return False
    return True
