"""The process that looks after the runs of one executor: hands each to its engine, follows it, records how it ended.

    python -m studio.worker --dispatch ray --data-dir <folder>

It is to an executor what a worker is to a lane: one a data folder, held by a lock, started by any server when something
waits, gone by itself when nothing does. It computes nothing and imports no torch. When it dies, the runs it had are
claimed by the next one, which asks the engine for them by the handle that lies in each run directory.
"""

from __future__ import annotations

import json
import signal
import sqlite3
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path

from studio.core.explain import explain
from studio.core.files import atomic_write, read_json
from studio.jobs.events import ACTIVE, FINAL, tail
from studio.jobs.executors import HANDLE_FILE
from studio.jobs.executors.engine import Engine, Look, Refused, Unreachable
from studio.jobs.jobs import Jobs
from studio.jobs.locks import FileLock, identity
from studio.jobs.stock import Stock
from studio.jobs.store import Row

BEAT_S = 1.0
RETRY_S = 20.0  # between two tries to reach an engine that did not answer
LINGER_S = 10.0  # with nothing to look after
ENDS = {"cancel": ("cancelled", "Cancelled"), "stop": ("stopped", "Stopped"), "pause": ("paused", "Paused")}


def open_engine(name: str, stock: Stock) -> Engine:
    """The engine of an executor; its package is imported when it is opened. stock: what travels with a run."""
    if name == "ray":
        from studio.jobs.executors.ray_cluster import RayEngine

        return RayEngine()
    from studio.jobs.executors.hf_jobs import HfJobsEngine

    return HfJobsEngine(stock)


class Dispatcher:
    """`serve()` looks after every run of an executor; `attend(run_id)` after one, for a command."""

    def __init__(self, jobs: Jobs, name: str, engine: Engine | None = None, *, retry_s: float = RETRY_S):
        self.jobs, self.name, self.retry_s = jobs, name, retry_s
        self.engine = engine or open_engine(name, jobs.stock)
        self.me = identity()
        self.problem = ""  # why the engine cannot be reached now
        self._stop = threading.Event()
        self._again_at = 0.0
        self._printed = ""

    def stop(self, *_: object) -> None:
        self._stop.set()

    # -- all runs --------------------------------------------------------------------------------------------------

    def serve(self, linger_s: float = LINGER_S) -> None:
        """Until told to stop, or until nothing was there to look after for `linger_s`."""
        idle_since, threads = time.monotonic(), list[threading.Thread]()
        while not self._stop.is_set():
            self.jobs.reconcile(self.name)  # also what a lost task held until now
            threads = [thread for thread in threads if thread.is_alive()]
            while (row := self._next()) is not None:
                threads.append(threading.Thread(target=self._attend, args=(row,), name=row.id, daemon=True))
                threads[-1].start()
            self._beat(len(threads))
            if threads or self.jobs.store.select(station=self.name, states=("queued", *ACTIVE), limit=1):
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since > linger_s:
                break
            self._stop.wait(BEAT_S)
        self._beat(0, "absent")

    def _next(self) -> Row | None:
        """Claim a run, if the engine can be reached; otherwise say so beside those that wait."""
        if self._stop.is_set() or not self.jobs.store.select(station=self.name, states=("queued",), limit=1):
            return None
        return self.jobs.claim(self.name, self.me) if self._reachable() else None

    def _reachable(self) -> bool:
        if time.monotonic() < self._again_at:
            return False
        try:
            self.engine.open()
        except Unreachable as error:
            self._again_at = time.monotonic() + self.retry_s
            self.problem = str(error)
            self._print(self.name, error)
            for row in self.jobs.store.queue(self.name):
                self.jobs.store.move(row.id, "queued", self.problem, only=("queued",))
            return False
        except Refused:
            pass  # each run is told so when it is begun
        self.problem = ""
        return True

    def _beat(self, n: int, state: str = "") -> None:
        note = self.problem or (f"{n} {'run' if n == 1 else 'runs'} elsewhere." if n else "Ready.")
        data = {"state": state or ("busy" if n else "ready"), "note": note, "run": None, "time": time.time(), "worker": self.me}
        with suppress(OSError):
            atomic_write(self.jobs.paths.lane(self.name, "json"), json.dumps(data), durable=False)

    # -- one run ---------------------------------------------------------------------------------------------------

    def attend(self, run_id: str) -> bool:
        """Claim one waiting run and see it to its end; False when it cannot be claimed or reached now."""
        if not self._reachable() or (row := self.jobs.claim(self.name, self.me, run_id)) is None:
            return False
        self._attend(row)
        return True

    def _attend(self, row: Row) -> None:
        folder = self.jobs.paths.run(row.id)
        try:
            self._follow(row.id, folder)
        except Unreachable as error:
            self.problem, self._again_at = str(error), time.monotonic() + self.retry_s
            self.jobs.put_back(row.id, str(error), self.me)
        except Refused as error:
            self._finish(row.id, folder, "failed", str(error))
        except Exception as error:  # a fault of this program: the run must not be left behind as running
            traceback.print_exc()
            self._finish(row.id, folder, "failed", explain(error))

    def _follow(self, run_id: str, folder: Path) -> None:
        handle = read_json(folder / HANDLE_FILE)
        if handle is None or not self.engine.knows(handle):
            if (asked := _asked(folder)) is not None:
                state, word = ENDS[asked]
                return self._finish(run_id, folder, state, f"{word} before it began.")
            handle = self.engine.start(folder, self.jobs.spec(run_id).executor)
            handle["events"] = (folder / "events.jsonl").stat().st_size
            atomic_write(folder / HANDLE_FILE, json.dumps(handle))
        said, look = _Said(folder, int(handle.get("events", 0))), Look()
        passed: str | None = None  # what the engine was asked to do
        while not self._stop.is_set():
            try:
                look = self.engine.look(folder, handle)
            except (Unreachable, OSError) as error:  # it has the run; what it does is seen when it answers again
                self._print(run_id, error)
            self._tell(run_id, said, look)
            if look.ended:
                return self._end(run_id, folder, said, look)
            for request in _asks(folder):
                if request not in ENDS or request != passed:
                    with suppress(Unreachable):
                        self.engine.ask(folder, handle, request, said.begun)
                        passed = request if request in ENDS else passed
            self._stop.wait(self.engine.poll_s)

    def _tell(self, run_id: str, said: _Said, look: Look) -> None:
        """Keep the index up to date: a statement when something changed, nothing otherwise."""
        before, waited = said.state, said.note
        said.read()
        if said.state != before:
            self.jobs.told(run_id, said.state, self.me)
        elif not said.begun and look.note != waited:
            said.note = look.note
            self.jobs.told(run_id, "loading", self.me, look.note)

    def _end(self, run_id: str, folder: Path, said: _Said, look: Look) -> None:
        said.read()
        if said.state in (*FINAL, "paused"):
            self._finish(run_id, folder, said.state, said.note)
        elif (asked := _asked(folder)) is not None:
            state, word = ENDS[asked]
            self._finish(run_id, folder, state, f"{word} {'while it was going' if said.begun else 'before it began'}.")
        elif look.state is not None:
            self._finish(run_id, folder, look.state, look.note)
        else:
            self._let_go(folder)
            self.jobs.lost(run_id, look.note or f"{self.engine.title} lost this run", self.me)

    def _finish(self, run_id: str, folder: Path, state: str, note: str) -> None:
        """Record the end; on a full disk or a locked index again and again, so that it is not lost."""
        while True:
            try:
                self._let_go(folder)
                self.jobs.finish(run_id, state, note, self.me)
                return
            except (OSError, sqlite3.OperationalError) as error:
                self._print(run_id, error)
                if self._stop.wait(BEAT_S):
                    return

    def _print(self, run_id: str, error: BaseException) -> None:
        """To the dispatcher's own log, and not the same thing twice in a row."""
        if (line := f"{run_id}: {explain(error)}") != self._printed:
            self._printed = line
            print(line, file=sys.stderr, flush=True)

    def _let_go(self, folder: Path) -> None:
        if (handle := read_json(folder / HANDLE_FILE)) is not None:
            self.engine.let_go(handle)
        (folder / HANDLE_FILE).unlink(missing_ok=True)


class _Said:
    """What a run has said in its log since it was handed over: its last state, and whether it has begun."""

    def __init__(self, folder: Path, offset: int):
        self._path, self._offset = folder / "events.jsonl", offset
        self.state, self.note = "", ""

    @property
    def begun(self) -> bool:
        return self.state != ""

    def read(self) -> None:
        found, self._offset = tail(self._path, self._offset)
        for event in found:
            if event["kind"] == "state" and event["state"] != "queued":
                self.state, self.note = event["state"], event.get("note", "")


def _asks(folder: Path) -> list[str]:
    return [name for name in (*ENDS, "save", "sample") if (folder / name).exists()]


def _asked(folder: Path) -> str | None:
    return next((name for name in ENDS if (folder / name).exists()), None)


def serve(jobs: Jobs, executor: str, linger_s: float = LINGER_S) -> int:
    """Exit status: 0 served and left, 3 another dispatcher (or a command) has this executor."""
    lock = FileLock(jobs.paths.lane(executor, "lock"))
    if not lock.acquire(wait_s=1.0, role="dispatcher"):
        print(f"{executor} is looked after already, by process {(lock.holder() or {}).get('pid')}.")
        return 3
    dispatcher = Dispatcher(jobs, executor)
    signal.signal(signal.SIGTERM, dispatcher.stop)
    signal.signal(signal.SIGINT, dispatcher.stop)
    dispatcher.serve(linger_s)
    lock.release()
    return 0
