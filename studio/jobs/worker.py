"""The worker process of a lane: claims runs, executes them one after another, and keeps what is open warm.

One worker per lane and data folder: it holds the lane's lock for as long as it lives. What runs work with is its bench's
business (`studio.worker` brings both together, and is what a process is started as). A worker whose code was changed on the
disk leaves when it is idle, and the next one is of the new code.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from studio.core.explain import explain
from studio.core.files import Json, atomic_write
from studio.jobs.code import code_digest
from studio.jobs.execution import execute
from studio.jobs.jobs import Jobs
from studio.jobs.locks import FileLock, identity
from studio.jobs.paths import DOWNLOADS, ROOT
from studio.jobs.stock import Tools

POLL_S = 0.02  # between looks at the lane's wake file: one `stat` each
SWEEP_S = 1.0  # between looks at the queue when nothing woke us
BEAT_S = 1.0
LINGER_S = 20.0  # an idle worker leaves when no server has wanted it for this long
Say = Callable[[str, str], None]  # (state, note)


class Bench(Protocol):
    """What stays from one run to the next: the device, and whatever is open on it."""

    def tools(self) -> Tools:
        """For the next run. ValueError when there is no such device."""

    def status(self) -> Json:
        """For the heartbeat: {"device", "models": ids that are open, "warm_bytes"}."""

    def warming(self, say: Say) -> list[Callable[[], None]]:
        """What to do before the first request, in pieces: a request that comes in between goes first."""


class Worker:
    """The loop around `run_job`, with a heartbeat that says what it is doing."""

    def __init__(self, jobs: Jobs, lane: str, bench: Bench, *, linger_s: float = LINGER_S):
        self.jobs, self.lane, self.bench, self.linger_s = jobs, lane, bench, linger_s
        self.me = identity()
        self.code = code_digest()
        self._stop = threading.Event()
        self._beat_lock = threading.Lock()
        self._seen = 0
        self._looked = (0, False)  # (when the lane was woken, whether a run waited then)
        self._saying: Json = {"state": "starting", "note": "The worker is starting.", "run": None}

    def say(self, state: str, note: str, run: str | None = None) -> None:
        """Publish what the worker does, at once and with every heartbeat."""
        self._saying = {"state": state, "note": note, "run": run}
        self._beat()

    def _beat(self) -> None:
        with self._beat_lock:
            data = {**self._saying, "time": time.time(), "worker": self.me, "root": str(ROOT), "code": self.code,
                    **self.bench.status()}  # fmt: skip
            try:
                atomic_write(self.jobs.paths.lane(self.lane, "json"), json.dumps(data), durable=False)
            except OSError as error:  # a full disk must not end the run that is going on
                print(f"heartbeat not written: {error}", file=sys.stderr)

    def _beats(self) -> None:
        while not self._stop.wait(BEAT_S):
            self._beat()

    def stop(self, *_: object) -> None:
        self._stop.set()

    def serve(self) -> None:
        """Work until told to stop, or until idle and no server has wanted this lane for `linger_s` seconds."""
        threading.Thread(target=self._beats, name="heartbeat", daemon=True).start()
        self.jobs.reconcile(self.lane)  # the lane's lock is ours: whatever still says 'running' is not
        self._beat()
        todo = self.bench.warming(self.say)
        while not self._stop.is_set():
            if self._work():
                continue
            if todo:
                self._prepare(todo.pop(0))
                continue
            self.say("ready", "Ready.")
            if not self._wait():
                break
        self.say("absent", "The worker has left.")

    def _work(self) -> bool:
        """Claim and execute one run; False when the queue is empty."""
        self._seen = _mtime(self.jobs.paths.lane(self.lane, "wake"))  # before looking: what comes later wakes us
        row = self.jobs.claim(self.lane, self.me)
        if row is None:
            return False
        self.say("busy", row.title, row.id)
        folder = self.jobs.paths.run(row.id)
        try:
            told = partial(self._told, row.id)
            state, note = execute(
                folder, self.bench.tools(), owner=self.me, leaving=self._stop.is_set, told=told, awaited=self._awaited
            )
        except Exception as error:  # no such device, or the run directory itself cannot be used
            traceback.print_exc()
            state, note = "failed", explain(error)
            self.jobs.say_failed(row.id, note)
        self._record(row.id, state, note)
        return True

    def _prepare(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # the request that needs it will say why in full
            print(f"warming: {explain(error)}", file=sys.stderr)

    def _awaited(self) -> bool:
        """The queue is read where the lane was woken since it was last."""
        woken = _mtime(self.jobs.paths.lane(self.lane, "wake"))
        if woken != self._looked[0]:
            self._looked = woken, bool(self.jobs.store.queue(self.lane))
        return self._looked[1]

    def _told(self, run_id: str, state: str) -> None:
        self.jobs.told(run_id, state, self.me)

    def _record(self, run_id: str, state: str, note: str) -> None:
        """Say how a run ended; on a full disk again and again until there is room, so that it is not lost."""
        while True:
            try:
                self.jobs.finish(run_id, state, note, self.me)
                return
            except (OSError, sqlite3.OperationalError) as error:
                self.say("busy", f"The end of a run cannot be written: {explain(error)}", run_id)
                if self._stop.wait(BEAT_S):
                    return

    def _wait(self) -> bool:
        """Sleep until there may be work; False when it is time to leave."""
        wake, wanted = self.jobs.paths.lane(self.lane, "wake"), self.jobs.paths.lane(self.lane, "wanted")
        until = time.monotonic() + SWEEP_S
        while time.monotonic() < until and not self._stop.wait(POLL_S):
            if _mtime(wake) != self._seen:
                return True
        wished = time.time() - max(_mtime(wanted), _mtime(wake)) / 1e9 < self.linger_s
        return wished and code_digest() == self.code  # what has not been imported yet would be of another version


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def serve(jobs: Jobs, lane: str, bench: Bench, *, linger_s: float = LINGER_S) -> int:
    """Exit status: 0 served and left, 3 another worker (or a command) has this lane."""
    lock = FileLock(jobs.paths.lane(lane, "lock"))
    if not lock.acquire(wait_s=1.0, role="worker"):
        print(f"The lane {lane} is served already, by process {(lock.holder() or {}).get('pid')}.")
        return 3
    worker = Worker(jobs, lane, bench, linger_s=linger_s)
    signal.signal(signal.SIGTERM, worker.stop)
    signal.signal(signal.SIGINT, worker.stop)
    if lane != DOWNLOADS:
        os.environ.setdefault(
            "HF_HUB_OFFLINE", "1"
        )  # models are here before they are opened; nothing may reach out while drawing
    worker.serve()
    lock.release()
    return 0
