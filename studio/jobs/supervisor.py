"""Keeps a worker alive for each lane, and a dispatcher for each executor, from a thread of the server process.

Several servers may share a data folder: each supervises, one worker serves. Whoever sees a worker gone first settles
its run (`Jobs.reconcile`, atomic) and starts the next; of two workers started at once the second finds the lane locked
and leaves.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from studio.core.explain import explain
from studio.core.files import Json, read_json
from studio.core.seldom import Seldom
from studio.jobs.code import code_digest
from studio.jobs.events import ACTIVE
from studio.jobs.executors import AWAY
from studio.jobs.jobs import Jobs
from studio.jobs.locks import lives
from studio.jobs.paths import CODE, DOWNLOADS, PROGRAM, ROOT

TICK_S = 0.2
ON_DEMAND = ("batch", DOWNLOADS, *AWAY)
STATIONS = ("interactive", *ON_DEMAND)
LOOK_S = 1.0  # between looks at the queue of a lane on demand
PATIENCE_S = 30.0  # a lane on demand waits no longer than this for the interactive worker to come up
LOG_BYTES = 2 << 20  # a lane's log is begun again when a worker starts and it is longer than this
QUICK_S = 5.0  # a worker that died this soon after its start is restarted ever more slowly
MAX_PAUSE_S = 30.0


class _Lane:
    """One lane, or one executor, as this server sees it."""

    def __init__(self, name: str):
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self.begun = 0.0
        self.pause_s = 0.0
        self.not_before = 0.0
        self.look_at = 0.0


class Supervisor(threading.Thread):
    """`Supervisor(jobs).start()`; `stop()` ends the supervision, not the runs: an idle worker leaves by itself.

    A lane of `ON_DEMAND` has a worker only while there is something to do; that of batch never comes before the interactive
    worker of this server is up. warm: ids of models a new interactive worker opens before the first request.
    """

    def __init__(
        self,
        jobs: Jobs,
        lanes: Sequence[str] = STATIONS,
        *,
        device: str | None = None,
        warm: Sequence[str] = (),
        linger_s: float | None = None,
    ):
        super().__init__(name="supervisor", daemon=True)
        self.jobs, self.device, self.warm, self.linger_s = jobs, device, warm, linger_s
        self._lanes = [_Lane(name) for name in lanes]
        self._halt, self._seldom = threading.Event(), Seldom()
        self._began = time.monotonic()

    def run(self) -> None:
        try:
            self.jobs.store.adopt_missing()
        except Exception as error:  # an index that is locked for long: supervising goes on
            self._say(error, "")
        while True:
            for lane in self._lanes:
                try:
                    self._tend(lane)
                except Exception as error:  # a full disk or a locked index for a moment: supervision goes on
                    self._say(error, lane.name)
            if self._halt.wait(TICK_S):
                return

    def stop(self, *, workers: bool = False, timeout_s: float = 10.0) -> None:
        """End the thread. `workers` also ends, at their next idle moment, the workers this server started."""
        self._halt.set()
        if self.is_alive():
            self.join(timeout_s)
        for lane in self._lanes if workers else ():
            if lane.process is None or lane.process.poll() is not None:
                continue
            lane.process.terminate()
            try:
                lane.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                lane.process.kill()
                lane.process.wait()
            self.jobs.reconcile(lane.name)

    def _say(self, error: Exception, lane: str) -> None:
        """What keeps a lane from being looked after: a sentence, or where it is no fault of the machine's its traceback; equal
        ones once a minute."""
        sentence = f"The lane {lane} cannot be looked after: {explain(error)}" if lane else explain(error)
        if not self._seldom(sentence):
            return
        if isinstance(error, (OSError, sqlite3.Error)):
            print(sentence, file=sys.stderr, flush=True)
        else:
            traceback.print_exception(error)

    def _tend(self, lane: _Lane) -> None:
        if lane.name not in ON_DEMAND:
            self.jobs.paths.lane(lane.name, "wanted").touch()
        if lane.process is not None:
            status = lane.process.poll()
            if status is None:
                return
            self._bury(lane, status)
        if lane.name in ON_DEMAND and not self._has_work(lane):
            return
        lock = self.jobs.paths.lane(lane.name, "lock")
        holder = read_json(lock)
        there = lives(holder, lock)
        if holder is not None and there is not False:
            if there is None:
                self._other_host(lane)
            else:
                self._outdated(lane, holder)
            return
        self.jobs.reconcile(lane.name)
        if time.monotonic() >= lane.not_before:
            self._spawn(lane)

    def _has_work(self, lane: _Lane) -> bool:
        """Whether a lane on demand needs a worker; also settles what a dead one left behind. Looks once a second."""
        now = time.monotonic()
        if now < lane.look_at:
            return False
        lane.look_at = now + LOOK_S
        if not self.jobs.store.select(station=lane.name, states=("queued", *ACTIVE), limit=1):
            return False
        if lane.name in AWAY:
            return True
        page = any(other.name == "interactive" for other in self._lanes)
        early = now - self._began < PATIENCE_S
        # two processes that import torch at once would keep the page's first picture waiting
        return not (page and early and self.jobs.status("interactive").state in ("absent", "starting", "warming"))

    def _bury(self, lane: _Lane, status: int) -> None:
        lane.process = None
        if status in (0, 3):  # left when idle, or found the lane served
            lane.not_before = time.monotonic() + (1.0 if status == 3 else 0.0)
            return
        killed = f"was killed (signal {-status}, {signal.Signals(-status).name})" if status < 0 else ""
        how = killed or f"ended (status {status})"
        self.jobs.reconcile(lane.name, f"The {'dispatcher' if lane.name in AWAY else 'worker'} process {how}")
        quick = time.monotonic() - lane.begun < QUICK_S
        lane.pause_s = min(max(0.5, 2 * lane.pause_s), MAX_PAUSE_S) if quick else 0.0
        lane.not_before = time.monotonic() + lane.pause_s

    def _other_host(self, lane: _Lane) -> None:
        """The lane is held from another machine on the same folder; only its runs can be settled from here."""
        self.jobs.reconcile(lane.name)

    def _outdated(self, lane: _Lane, holder: Json) -> None:
        """Ask an idle worker that began with other files than are here now to leave: it has yet to import some of them.

        One of another checkout is left alone; one that does not say where it is from is of a version before this was said.
        """
        beat = read_json(self.jobs.paths.lane(lane.name, "json")) or {}
        same = (beat.get("worker") or {}).get("pid") == holder.get("pid") and holder.get("role") == "worker"
        ours = beat.get("root", str(ROOT)) == str(ROOT)
        if same and ours and beat.get("state") == "ready" and beat.get("code") != code_digest():
            os.kill(int(holder["pid"]), signal.SIGTERM)

    def _arguments(self, lane: _Lane) -> list[str]:
        """What the process that looks after the lane is told."""
        if lane.name in AWAY:
            return ["--dispatch", lane.name]
        device = ["--device", self.device] if self.device else []
        warm = [part for name in self.warm for part in ("--warm", name)] if lane.name == "interactive" else []
        return ["--lane", lane.name, *device, *warm]

    def _spawn(self, lane: _Lane) -> None:
        log = self.jobs.paths.lane(lane.name, "log")
        mode = "wb" if _size(log) > LOG_BYTES else "ab"
        command = [sys.executable, "-m", PROGRAM, *self._arguments(lane), "--data-dir", str(self.jobs.paths.root)]
        command += ["--linger", str(self.linger_s)] if self.linger_s is not None else []
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(CODE), os.environ.get("PYTHONPATH")]))}
        lane.begun = time.monotonic()
        with open(log, mode) as output:
            lane.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=ROOT,
                start_new_session=True,  # Ctrl-C in the server's terminal must not end a run
            )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
