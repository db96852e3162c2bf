"""Runs on a Ray cluster: a task a run, which Ray places, and starts again on another node when its node is lost.

The run directory is shared, so nothing is sent there and back: requests, events, checkpoints and pictures go through
the files as on one machine. The cluster is `$RAY_ADDRESS`, or the one that this machine is a node of; Ray is an extra
(`pip install ray`), imported here only. Tasks end with the dispatcher that started them; the next one starts them
again, from their last checkpoints.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.files import Json
from studio.jobs.executors import RayOptions, check_package, read_options
from studio.jobs.executors.engine import Look, Refused, Unreachable
from studio.jobs.locks import wait_free
from studio.jobs.paths import CODE, PROGRAM

if TYPE_CHECKING:
    import ray

CONNECT_S = 5.0  # for the head's port to answer; Ray itself would try for two minutes and then end this process
GONE_S = 150.0  # a lost task may hold its run for so long before it counts as stuck


class RayEngine:
    title = "The Ray cluster"
    poll_s = 0.5

    def __init__(self, address: str | None = None):
        self.address = address or os.environ.get("RAY_ADDRESS") or "auto"
        self._tasks: dict[str, ray.ObjectRef] = {}  # handle -> reference to what the task returns
        self._lock = threading.Lock()

    def open(self) -> None:
        try:
            check_package("ray")
        except ValueError as error:
            raise Refused(str(error)) from error
        with self._lock:
            import ray

            if ray.is_initialized():
                return
            _answers(self.address)
            main = threading.current_thread() is threading.main_thread()
            ending = signal.getsignal(signal.SIGTERM)
            try:
                ray.init(address=self.address, log_to_driver=False, logging_level=logging.ERROR, namespace="studio")
            except (ConnectionError, RuntimeError, TimeoutError) as error:
                raise Unreachable(f"No Ray cluster answers at {self.address} ({_brief(error)}); {_HOW}.") from error
            except ValueError as error:
                raise Refused(f"Ray cannot use the address {self.address!r} ({_brief(error)}); {_HOW}.") from error
            finally:
                if main:
                    signal.signal(signal.SIGTERM, ending)  # Ray sets one of its own

    def start(self, folder: Path, executor: Json) -> Json:
        import ray

        self.open()
        options = read_options(executor, RayOptions)
        has = ray.cluster_resources()
        gpus = options.gpus if options.gpus is not None else float(has.get("GPU", 0) > 0)
        fits = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(r.get("CPU", 0) >= options.cpus and r.get("GPU", 0) >= gpus for r in fits):
            most = max((r.get("CPU", 0) for r in fits), default=0)
            raise Unreachable(
                f"No node of the Ray cluster has {options.cpus:g} processors and {gpus:g} GPUs now; "
                f"its largest has {most:g} processors. It is waited for."
            )
        task = ray.remote(_task()).options(
            num_cpus=options.cpus, num_gpus=gpus, max_retries=options.retries, name=f"studio {folder.name}"
        )
        handle = uuid.uuid4().hex
        self._tasks[handle] = task.remote(str(folder), str(CODE), PROGRAM)
        return {"handle": handle}

    def knows(self, handle: Json) -> bool:
        return handle.get("handle") in self._tasks

    def look(self, folder: Path, handle: Json) -> Look:
        import ray
        from ray import exceptions

        task = self._tasks[handle["handle"]]
        ready, _ = ray.wait([task], timeout=0, fetch_local=False)
        if not ready:
            return Look(note="Waiting for a place in the Ray cluster.")
        try:
            state, note = ray.get(task, timeout=30)
        except exceptions.TaskCancelledError:
            return Look(ended=True)
        except exceptions.RayError as error:  # its node and every retry, or the lock was never let go
            wait_free(folder, GONE_S)
            return Look(ended=True, note=f"The Ray task was lost ({_brief(error)})")
        return Look(ended=True, state=state, note=note)

    def ask(self, folder: Path, handle: Json, request: str, begun: bool) -> None:
        """A task that has begun finds the file itself; one that waits is taken out of Ray's queue."""
        if not begun and request in ("cancel", "stop", "pause"):
            import ray

            ray.cancel(self._tasks[handle["handle"]], force=False)

    def let_go(self, handle: Json) -> None:
        self._tasks.pop(str(handle.get("handle")), None)


_HOW = "start one with `ray start --head`, or name it in RAY_ADDRESS as host:6379"


def _task() -> Callable[[str, str, str], tuple[str, str]]:
    """The task. Made inside a function so that Ray sends it by value: a node need not find this module to begin."""

    def task(folder: str, root: str, program: str) -> tuple[str, str]:
        import importlib
        import sys

        if root not in sys.path:
            sys.path.insert(0, root)  # the checkout lies at the same path on every node
        return importlib.import_module(program).task(folder)

    return task


def _answers(address: str) -> None:
    """Unreachable when nothing listens at host:port. Other forms of address are left to Ray."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        return
    try:
        with contextlib.closing(socket.create_connection((host.strip("[]"), int(port)), CONNECT_S)):
            pass
    except (OSError, OverflowError) as error:
        raise Unreachable(f"No Ray cluster answers at {address} ({_brief(error)}); {_HOW}.") from error


def _brief(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (getattr(error, "strerror", None) or (lines[0] if lines else "") or type(error).__name__)[:160].rstrip(". ")
