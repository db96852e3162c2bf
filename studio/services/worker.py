"""The worker process of a lane: claims runs, executes them one after another, keeps models warm.

    python -m studio.services.worker --lane interactive --data-dir <folder>

`run_job(folder)` is the whole of executing a run. A worker calls it, and so do tests, the command line and whoever
else holds a run directory; the process around it only decides who calls. One worker per lane and data folder: it holds
the lane's lock for as long as it lives.
"""

from __future__ import annotations

import argparse
import errno
import json
import logging
import os
import signal
import sqlite3
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from studio.core.files import atomic_write
from studio.services.explain import explain
from studio.services.gate import Gate
from studio.services.jobs import Jobs
from studio.services.kinds import KINDS
from studio.services.locks import FileLock, identity
from studio.services.models import Registry, load_registry
from studio.services.paths import Paths
from studio.services.run import Cancelled, LeftOff, Run
from studio.services.warm import ModelCache, pick_device

POLL_S = 0.02  # between looks at the lane's wake file: one `stat` each
SWEEP_S = 1.0  # between looks at the queue when nothing woke us
BEAT_S = 1.0
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
LINGER_S = 20.0  # an idle worker leaves when no server has wanted it for this long


def run_job(
    folder: Path,
    *,
    models: ModelCache | None = None,
    registry: Registry | None = None,
    owner: dict[str, Any] | None = None,
    leaving: Callable[[], bool] = lambda: False,
    told: Callable[[str], None] = lambda state: None,
    locks: Path | None = None,
) -> tuple[str, str]:
    """Execute the run in `folder`; returns (state, note), which its events also say. Never raises for the job's faults.

    `leaving` says whether the process was asked to end: a run that can be continued then saves and goes back to the
    queue. `told` is called when the state changes. Without `registry`, models are those of the data folder that holds the
    run. `models` may be a warm cache. `locks` is a folder for device locks where the data folder's say nothing about the
    devices, as on another machine that shares it.
    """
    models = models or ModelCache(pick_device("cpu"))
    registry = registry or load_registry(Paths(folder.resolve().parents[1]))
    run = Run(folder, registry, models, owner=owner or identity(), leaving=leaving, told=told)
    if locks is not None:
        run.gate = Gate(locks, run.models.device)
    try:
        with _log_to(folder / "log.txt"):
            state, note = _execute(run)
        with suppress(OSError):  # a full disk: whoever called says it in the log later (`Jobs.finish`)
            run.state(state, note)
        return state, note
    finally:
        run.close()


def _execute(run: Run) -> tuple[str, str]:
    resumable, request_of = False, None
    try:
        run.check()
        kind = KINDS.get(run.spec.kind)
        resumable, request_of = kind.resumable, kind.config
        run.state("loading", "Opening models.")
        run.write_env(run.models.device)
        known = {"registry": run.registry, "home": Paths(run.folder.parents[1])}
        request = kind.config.model_validate(run.spec.config, context=known)
        # Whoever trains shares the device step by step; an interactive request has it from beginning to end.
        with nullcontext() if resumable or run.spec.lane == "batch" else run.gate.first(run.check):
            result = kind.run(request, run)
        run.result(result)
        return "done", ""
    except Cancelled:
        return "cancelled", "Cancelled; what was finished is kept."
    except LeftOff as left:
        return left.state, left.note
    except OSError as error:
        with suppress(OSError):
            run.log(traceback.format_exc())
        if resumable and error.errno in DISK_FULL:
            return "paused", "The disk is full, so this run was paused; free some space and resume it: nothing saved was lost."
        return "failed", explain(error)
    except Exception as error:
        with suppress(OSError):  # a full disk is what may have failed
            run.log(traceback.format_exc())
        return "failed", explain(error, request_of)


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Send log records and warnings to the run's own log while it executes."""
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root, show = logging.getLogger(), warnings.showwarning

    def to_log(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
        logging.getLogger("warnings").warning("%s: %s", category.__name__, message)

    root.addHandler(handler)
    warnings.showwarning = to_log
    try:
        yield
    finally:
        warnings.showwarning = show
        root.removeHandler(handler)
        handler.close()


class Worker:
    """The loop around `run_job`, with a heartbeat that says what it is doing."""

    def __init__(self, jobs: Jobs, lane: str, device: str | None = None, *, linger_s: float = LINGER_S):
        self.jobs, self.lane, self.wanted, self.linger_s = jobs, lane, device, linger_s
        self.me = identity()
        self.models = ModelCache("cpu")
        self._stop = threading.Event()
        self._beat_lock = threading.Lock()
        self._seen = 0
        self._saying: dict[str, Any] = {"state": "starting", "note": "The worker is starting.", "run": None}

    def say(self, state: str, note: str, run: str | None = None) -> None:
        """Publish what the worker does, at once and with every heartbeat."""
        self._saying = {"state": state, "note": note, "run": run}
        self._beat()

    def _beat(self) -> None:
        with self._beat_lock:
            data = {**self._saying, "time": time.time(), "worker": self.me, "device": self.models.device,
                    "models": [name for name in self.models.ids if "/" in name and ":" not in name],
                    "warm_bytes": self.models.bytes}  # fmt: skip
            try:
                atomic_write(self.jobs.paths.lane(self.lane, "json"), json.dumps(data), durable=False)
            except OSError as error:  # a full disk must not end the run that is going on
                print(f"heartbeat not written: {error}", file=sys.stderr)

    def _beats(self) -> None:
        while not self._stop.wait(BEAT_S):
            self._beat()

    def stop(self, *_: Any) -> None:
        self._stop.set()

    def serve(self, warm: Sequence[str] = ()) -> None:
        """Work until told to stop, or until idle and no server has wanted this lane for `linger_s` seconds."""
        threading.Thread(target=self._beats, name="heartbeat", daemon=True).start()
        self.jobs.reconcile(self.lane)  # the lane's lock is ours: whatever still says 'running' is not
        self._beat()
        todo = self._warming(warm)
        while not self._stop.is_set():
            if self._work():
                continue
            if todo:
                todo.pop(0)()
                continue
            self.say("ready", "Ready.")
            if not self._wait():
                break
        self.say("absent", "The worker has left.")

    def _warming(self, warm: Sequence[str]) -> list[Callable[[], None]]:
        """What to do before the first request, in pieces: a request that comes in between goes first."""

        def device() -> None:
            self.say("warming", "Loading torch.")
            self.models.device = pick_device(self.wanted)
            import torch  # noqa: F401

        def open_one(name: str) -> None:
            entry = self.jobs.registry().get(name)
            if not entry.available:
                return
            self.say("warming", f"Opening {entry.title}.")
            self.models.model(entry)
            if entry.oracle is not None and entry.oracle.is_dir():
                self.models.oracle(entry.oracle)

        def guarded(step: Callable[[], None]) -> Callable[[], None]:
            def run() -> None:
                try:
                    step()
                except Exception as error:  # the request that needs it will say why in full
                    print(f"warming: {explain(error)}", file=sys.stderr)

            return run

        def forms() -> None:
            from studio.services import objectives

            self.say("warming", "Reading the objectives.")
            objectives.refresh(self.jobs.paths)

        if self.lane == "interactive" and warm:
            return [guarded(device), *(guarded(partial(open_one, name)) for name in warm), guarded(forms)]
        return [guarded(device)] * bool(warm) + [guarded(partial(open_one, name)) for name in warm]

    def _work(self) -> bool:
        """Claim and execute one run; False when the queue is empty."""
        self._seen = _mtime(self.jobs.paths.lane(self.lane, "wake"))  # before looking: what comes later wakes us
        row = self.jobs.claim(self.lane, self.me)
        if row is None:
            return False
        self.say("busy", row.title, row.id)
        folder = self.jobs.paths.run(row.id)
        try:
            if not self.models.ids:
                self.models.device = pick_device(self.wanted)
            state, note = run_job(folder, models=self.models, registry=self.jobs.registry(), owner=self.me,
                                  leaving=self._stop.is_set,
                                  told=lambda state: self.jobs.told(row.id, state, self.me))  # fmt: skip
        except Exception as error:  # no such device, or the run directory itself cannot be used
            traceback.print_exc()
            state, note = "failed", explain(error)
            self.jobs.say_failed(row.id, note)
        self._record(row.id, state, note)
        return True

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
        return time.time() - max(_mtime(wanted), _mtime(wake)) / 1e9 < self.linger_s


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 served and left, 3 another worker (or a command) has this lane."""
    parser = argparse.ArgumentParser(prog="python -m studio.services.worker", description=__doc__.split("\n")[0])
    parser.add_argument("--lane", default="interactive")
    parser.add_argument("--data-dir", default=None)
    parser.add_argument("--device", default=None, help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--warm", action="append", default=[], help="id of a model to open before the first request")
    parser.add_argument("--linger", type=float, default=LINGER_S, help="seconds to stay idle without a server")
    options = parser.parse_args(argv)
    jobs = Jobs(options.data_dir)
    lock = FileLock(jobs.paths.lane(options.lane, "lock"))
    if not lock.acquire(wait_s=1.0, role="worker"):
        print(f"The lane {options.lane} is served already, by process {(lock.holder() or {}).get('pid')}.")
        return 3
    worker = Worker(jobs, options.lane, options.device, linger_s=options.linger)
    signal.signal(signal.SIGTERM, worker.stop)
    signal.signal(signal.SIGINT, worker.stop)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # shipped models are folders; nothing may reach out while drawing
    worker.serve(options.warm)
    lock.release()
    return 0


if __name__ == "__main__":
    sys.exit(main())
