"""Jobs: submit, list, cancel, read. Whatever touches the device goes through here.

A job is a run directory and a row that points at it. The page submits, then looks (`tail`, `get`, `result`); a worker
process claims and executes (`worker`); `supervisor` keeps a worker alive. A job belongs to none of them: it outlives
the tab, the page and the server.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from studio.core import demo
from studio.core.explain import brief, explain
from studio.core.files import Json, atomic_write
from studio.jobs.commands import Commands, Where
from studio.jobs.events import ACTIVE, EventLog
from studio.jobs.executors import AWAY, check_executor
from studio.jobs.info import RunInfo
from studio.jobs.kinds import KINDS, Kind
from studio.jobs.paths import Paths, check_run_id, new_run_id, open_paths
from studio.jobs.recovery import Recovery
from studio.jobs.register import Register
from studio.jobs.run import Spec
from studio.jobs.stock import EMPTY, Stock
from studio.jobs.store import Row
from studio.jobs.sweep import expand

MAX_QUEUED = 100  # per lane; a page that is stuck in a loop must not fill the disk
Infos = list[RunInfo]
Ids = list[str]


class Jobs(Register):
    """The one door to the data folder. Cheap to make; safe from any thread and from several processes at once.

    stock: what requests may name, which they are checked against (`library.stock.open_jobs` gives it).
    """

    def __init__(self, data_dir: str | os.PathLike[str] | Paths | None = None, stock: Stock = EMPTY):
        super().__init__(data_dir if isinstance(data_dir, Paths) else open_paths(data_dir))
        self.stock = stock
        self.recovery = Recovery(self)
        self.commands = Commands(self, self.recovery)

    # -- submitting ------------------------------------------------------------------------------------------------

    def submit(
        self,
        kind: str,
        config: BaseModel | Mapping[str, object],
        *,
        lane: str | None = None,
        parent: str | None = None,
        executor: str | Mapping[str, object] | None = None,
    ) -> str:
        """Validate a request, make its run directory, queue it; returns the run id.

        executor: where it is to run, as for `executors.check_executor`; None is this machine.
        ValueError, one sentence, when the request does not fit; nothing is left behind then.
        """
        where = _where(executor)
        return self._submit(kind, [self.validate(kind, config)], lane, parent, where)[0]

    def submit_sweep(
        self,
        kind: str,
        config: Mapping[str, object],
        sweep: Mapping[str, object],
        *,
        lane: str | None = None,
        executor: str | Mapping[str, object] | None = None,
    ) -> Ids:
        """Submit a run for every combination of the values in `sweep` (see `sweep.expand`); returns their ids.

        All or none: ValueError in one sentence, which says of which run, when one of them does not fit.
        """
        where, requests = _where(executor), []
        points = expand(config, sweep)
        for i, point in enumerate(points, 1):
            try:
                requests.append(self.validate(kind, point.config))
            except ValueError as error:
                raise ValueError(f"Run {i} of {len(points)} ({point.label}): {error}") from error
        return self._submit(kind, requests, lane, None, where)

    def _submit(self, kind: str, requests: Sequence[BaseModel], lane: str | None, parent: str | None, executor: Json) -> Ids:
        known = KINDS.get(kind)
        if not known.visitors or lane not in (None, known.lane):
            demo.check("run")
        for request in requests:
            demo.check_size(request)
        lane = lane or known.lane
        if lane in AWAY:
            raise ValueError(f"{lane} is an executor and no lane; give it as the executor.")
        self.paths.lane(lane, "lock")  # refuses a name that is no lane
        station = executor.get("name", lane)
        self._make_room(known, station, len(requests))
        visitor = self.asked_by()
        specs = [
            Spec(
                id=new_run_id(unguessable=bool(visitor)),
                kind=kind,
                lane=lane,
                config=request.model_dump(mode="json"),
                created=time.time(),
                title=known.label(request)[:120],
                parent=check_run_id(parent) if parent else None,
                executor=executor,
                visitor=visitor,
            )
            for request in requests
        ]
        try:
            for spec in specs:
                self._make(spec)
            for spec in specs:
                self.store.insert(
                    Row(
                        spec.id,
                        kind,
                        lane,
                        spec.title,
                        "queued",
                        "",
                        spec.created,
                        None,
                        None,
                        0,
                        None,
                        None,
                        None,
                        spec.created,
                        station,
                        visitor,
                    )
                )
        except BaseException:  # a full disk at the third of four: none of them
            for spec in specs:
                shutil.rmtree(self.paths.run(spec.id), ignore_errors=True)
                with contextlib.suppress(sqlite3.Error):
                    self.store.delete(spec.id)
            raise
        self.wake(station)
        return [spec.id for spec in specs]

    def asked_by(self) -> str:
        """Whose runs are submitted here; "" where they are everybody's (`visitors.VisitorsJobs` knows)."""
        return ""

    def _make_room(self, kind: Kind, station: str, n: int) -> None:
        most = demo.limits().waiting if demo.on() else MAX_QUEUED
        waiting = len(self.store.select(station=station, states=("queued",), limit=MAX_QUEUED))
        if waiting + n > most:
            more = f", and {n} more would pass the {most} that fit" if n > 1 else " already"
            raise ValueError(f"{waiting} runs are waiting{more}; cancel some or wait for them.")

    def validate(self, kind: str, config: BaseModel | Mapping[str, object]) -> BaseModel:
        """The typed request, or ValueError in one sentence. Milliseconds: no weights are touched."""
        known = KINDS.get(kind)
        if not isinstance(config, (BaseModel, Mapping)):
            raise ValueError(f"A request is an object with named fields, not {brief(config)}.")
        plain = config.model_dump(mode="json") if isinstance(config, BaseModel) else dict(config)
        try:
            # "home" is where people's own things are; "paths" also says that this is being submitted
            context = {**self.stock.context(self.paths), "paths": self.paths, "home": self.paths}
            return known.config.model_validate(plain, context=context)
        except ValueError as error:
            raise ValueError(explain(error, known.config)) from error

    def _make(self, spec: Spec) -> None:
        """The directory appears complete or not at all, so that a rebuild never sees half a spec."""
        temporary = self.paths.runs / f".new-{spec.id}"
        (temporary / "artifacts").mkdir(parents=True)
        try:
            atomic_write(temporary / "spec.json", json.dumps(spec.plain(), indent=1, allow_nan=False))
            with EventLog(temporary / "events.jsonl") as log:
                log.write("state", state="queued", note="")
            os.rename(temporary, self.paths.run(spec.id))
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    # -- asking -------------------------------------------------------------------------------------------------------

    def cancel(self, run_id: str) -> RunInfo:
        return self.commands.cancel(run_id)

    def stop(self, run_id: str) -> RunInfo:
        return self.commands.stop(run_id)

    def pause(self, run_id: str) -> RunInfo:
        return self.commands.pause(run_id)

    def resume(self, run_id: str) -> RunInfo:
        return self.commands.resume(run_id)

    def resumable(self, run_id: str) -> bool:
        return self.commands.resumable(run_id)

    def save_now(self, run_id: str) -> None:
        self.commands.save_now(run_id)

    def sample_now(self, run_id: str) -> None:
        self.commands.sample_now(run_id)

    def asked(self, run_id: str) -> str | None:
        return self.commands.asked(run_id)

    def queue(self, station: str = "batch") -> Infos:
        return self.commands.queue(station)

    def move(self, run_id: str, where: Where) -> Infos:
        return self.commands.move(run_id, where)

    def discard(self, run_id: str, to_trash: bool = False) -> None:
        self.commands.discard(run_id, to_trash)

    def reconcile(self, station: str | None = None, cause: str = "") -> Infos:
        """Settle runs whose process is gone; returns those changed."""
        return self.recovery.reconcile(station, cause)

    # -- for workers and dispatchers -------------------------------------------------------------------------------

    def claim(self, station: str, owner: Json, run_id: str | None = None) -> Row | None:
        """Take the first queued run of the station (or this one), or None."""
        return self.store.claim(station, owner, run_id)

    def told(self, run_id: str, state: str, owner: Json, note: str = "") -> None:
        """Let the index know that a run of theirs is loading or running.

        The run's events say more and are the truth; a moment in which the index cannot be written is passed over.
        """
        with contextlib.suppress(sqlite3.OperationalError):
            if state in ACTIVE:
                self.store.move(run_id, state, note, only=ACTIVE, owner=owner)

    def finish(self, run_id: str, state: str, note: str, owner: Json) -> bool:
        """Record how a claimed run ended. Its events say so first, unless the disk was full then."""
        if self.paths.run(run_id).is_dir() and self.said(run_id) != state:
            self.append(run_id, state, note)
        done = self.store.move(run_id, state, note, only=ACTIVE, owner=owner)
        if done:
            self.delete_if_asked(run_id)
        return done

    def say_failed(self, run_id: str, note: str) -> None:
        """Write the event of a run that failed before it could say so itself."""
        with contextlib.suppress(OSError, ValueError):
            self.append(run_id, "failed", note)

    def lost(self, run_id: str, cause: str, owner: Json) -> None:
        self.recovery.lost(run_id, cause, owner)

    def put_back(self, run_id: str, note: str, owner: Json) -> None:
        self.recovery.put_back(run_id, note, owner)


def _where(executor: str | Mapping[str, object] | None) -> Json:
    """`executors.check_executor`; a public demo sends nothing away."""
    if executor is not None:
        demo.check("away")
    return check_executor(executor)
