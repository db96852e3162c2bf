"""Executing a run from a command: here when the lane is free, by the lane's worker when it is not."""

from __future__ import annotations

import threading
import traceback
from typing import TYPE_CHECKING

from studio.core.explain import explain
from studio.jobs.events import FINAL
from studio.jobs.execution import execute
from studio.jobs.executors import AWAY
from studio.jobs.jobs import Jobs
from studio.jobs.locks import FileLock, identity
from studio.library.models import load_registry
from studio.workshop.open_models import ModelCache, pick_device
from studio.workshop.tools import Tools

if TYPE_CHECKING:
    from studio.jobs.executors.dispatch import Dispatcher

RETRY_S = 0.25


class Executor(threading.Thread):
    """Sees to it that one submitted run is executed, in this process if need be; follow the run to watch it.

    Takes the lane's lock while it works, so that two requests never use the device at once; while a worker or another
    command has the lane, it waits. Where it cannot go on, `problem` says why in one sentence, and the run is nobody's: the
    next process that looks at the data folder settles it, with what it made.
    """

    def __init__(self, jobs: Jobs, run_id: str, device: str | None = None):
        super().__init__(name="executor", daemon=True)
        self.jobs, self.run_id, self.device = jobs, run_id, device
        self.station = jobs.get(run_id).station
        self.here = False  # whether this process executes it
        self.problem = ""
        self._halt = threading.Event()
        self._dispatcher: Dispatcher | None = None

    def run(self) -> None:
        try:
            while not self._halt.is_set() and self.jobs.get(self.run_id).state not in (*FINAL, "paused"):
                self._try()
                self._halt.wait(RETRY_S)
        except BaseException as error:  # a full disk, an index locked for long, a run that was deleted meanwhile
            self.problem = f"The run was left before its end, with what it had made: {explain(error)}"

    def stop(self) -> None:
        self._halt.set()
        if self._dispatcher is not None:
            self._dispatcher.stop()

    def _try(self) -> None:
        lock = FileLock(self.jobs.paths.lane(self.station, "lock"))
        if not lock.acquire(role="inline"):
            return
        try:
            self.jobs.reconcile(self.station)
            if self.station in AWAY:
                self._dispatch()
                return
            me = identity()
            if self.jobs.claim(self.station, me, self.run_id) is None:
                return
            self.here = True
            folder = self.jobs.paths.run(self.run_id)
            try:
                tools = Tools(self.jobs.paths, load_registry(self.jobs.paths), ModelCache(pick_device(self.device)))
                state, note = execute(
                    folder, tools, owner=me, leaving=self._halt.is_set, told=lambda state: self.jobs.told(self.run_id, state, me)
                )
            except Exception as error:  # before the run could say so itself
                traceback.print_exc()
                state, note = "failed", explain(error)
                self.jobs.say_failed(self.run_id, note)
            self.jobs.finish(self.run_id, state, note, me)
        finally:
            lock.release()

    def _dispatch(self) -> None:
        """Look after a run of another executor from here, until it has ended or its engine does not answer."""
        from studio.jobs.executors.dispatch import Dispatcher

        if self._dispatcher is None:
            self._dispatcher = Dispatcher(self.jobs, self.station)
        self._dispatcher.attend(self.run_id)
        if self._dispatcher.problem:
            self._halt.wait(self._dispatcher.retry_s)
