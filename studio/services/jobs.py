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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from studio.core.files import atomic_write, read_json
from studio.services import events
from studio.services.events import ACTIVE, EventLog
from studio.services.executors import AWAY, check_executor
from studio.services.explain import brief, explain
from studio.services.info import LaneStatus, RunInfo
from studio.services.kinds import KINDS
from studio.services.locks import alive
from studio.services.models import Registry, load_registry
from studio.services.paths import Paths, check_run_id, new_run_id, open_paths
from studio.services.run import Spec, artifact_path, read_spec
from studio.services.settling import MAX_DEATHS as MAX_DEATHS
from studio.services.settling import SILENT_S, Settling
from studio.services.store import Row, Store
from studio.services.sweep import expand

MAX_QUEUED = 100  # per lane; a page that is stuck in a loop must not fill the disk
MAX_LOG_BYTES = 1 << 20  # of a log, read at a time


Events = list[dict[str, Any]]
Infos = list[RunInfo]
Ids = list[str]


class Jobs(Settling):
    """The one door to the data folder. Cheap to make; safe from any thread and from several processes at once."""

    def __init__(self, data_dir: str | os.PathLike[str] | Paths | None = None):
        self.paths = data_dir if isinstance(data_dir, Paths) else open_paths(data_dir)
        self.store = Store(self.paths)

    def registry(self) -> Registry:
        """The models there are now; reading them again costs milliseconds and sees new ones."""
        return load_registry(self.paths)

    # -- submitting ------------------------------------------------------------------------------------------------

    def submit(
        self,
        kind: str,
        config: BaseModel | Mapping[str, Any],
        *,
        lane: str | None = None,
        parent: str | None = None,
        executor: str | Mapping[str, Any] | None = None,
    ) -> str:
        """Validate a request, make its run directory, queue it; returns the run id.

        executor: where it is to run, as for `executors.check_executor`; None is this machine.
        ValueError, one sentence, when the request does not fit; nothing is left behind then.
        """
        where = check_executor(executor)
        return self._submit(kind, [self.validate(kind, config)], lane, parent, where)[0]

    def submit_sweep(
        self,
        kind: str,
        config: Mapping[str, Any],
        sweep: Mapping[str, Any],
        *,
        lane: str | None = None,
        executor: str | Mapping[str, Any] | None = None,
    ) -> Ids:
        """Submit a run for every combination of the values in `sweep` (see `sweep.expand`); returns their ids.

        All or none: ValueError in one sentence, which says of which run, when one of them does not fit.
        """
        where, requests = check_executor(executor), []
        points = expand(config, sweep)
        for i, point in enumerate(points, 1):
            try:
                requests.append(self.validate(kind, point.config))
            except ValueError as error:
                raise ValueError(f"Run {i} of {len(points)} ({point.label}): {error}") from error
        return self._submit(kind, requests, lane, None, where)

    def _submit(
        self, kind: str, requests: Sequence[BaseModel], lane: str | None, parent: str | None, executor: dict[str, Any]
    ) -> Ids:
        known = KINDS.get(kind)
        lane = lane or known.lane
        if lane in AWAY:
            raise ValueError(f"{lane} is an executor and no lane; give it as the executor.")
        self.paths.lane(lane, "lock")  # refuses a name that is no lane
        station = executor.get("name", lane)
        self._make_room(station, len(requests))
        specs = [
            Spec(id=new_run_id(), kind=kind, lane=lane, config=request.model_dump(mode="json"), created=time.time(),
                 title=known.label(request)[:120], parent=check_run_id(parent) if parent else None, executor=executor)
            for request in requests
        ]  # fmt: skip
        try:
            for spec in specs:
                self._make(spec)
        except BaseException:  # a full disk at the third of four: none of them
            for spec in specs:
                shutil.rmtree(self.paths.run(spec.id), ignore_errors=True)
            raise
        for spec in specs:
            self.store.insert(Row(spec.id, kind, lane, spec.title, "queued", "", spec.created,
                                  None, None, 0, None, None, None, spec.created, station))  # fmt: skip
        self.wake(station)
        return [spec.id for spec in specs]

    def _make_room(self, station: str, n: int) -> None:
        waiting = len(self.store.select(station=station, states=("queued",), limit=MAX_QUEUED))
        if waiting + n > MAX_QUEUED:
            more = f", and {n} more would pass the {MAX_QUEUED} that fit" if n > 1 else " already"
            raise ValueError(f"{waiting} runs are waiting{more}; cancel some or wait for them.")

    def validate(self, kind: str, config: BaseModel | Mapping[str, Any]) -> BaseModel:
        """The typed request, or ValueError in one sentence. Milliseconds: no weights are touched."""
        known = KINDS.get(kind)
        if not isinstance(config, (BaseModel, Mapping)):
            raise ValueError(f"A request is an object with named fields, not {brief(config)}.")
        plain = config.model_dump(mode="json") if isinstance(config, BaseModel) else dict(config)
        try:
            # "home" is where people's own things are; "paths" also says that this is being submitted
            context = {"registry": self.registry(), "paths": self.paths, "home": self.paths}
            return known.config.model_validate(plain, context=context)
        except ValueError as error:
            raise ValueError(explain(error, known.config)) from error

    def _make(self, spec: Spec) -> None:
        """The directory appears complete or not at all, so that a rebuild never sees half a spec."""
        temporary = self.paths.runs / f".new-{spec.id}"
        (temporary / "artifacts").mkdir(parents=True)
        try:
            atomic_write(temporary / "spec.json", json.dumps(spec.model_dump(), indent=1, allow_nan=False))
            with EventLog(temporary / "events.jsonl") as log:
                log.write("state", state="queued", note="")
            os.rename(temporary, self.paths.run(spec.id))
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def wake(self, station: str) -> None:
        """Tell an idle worker, or dispatcher, to look at the queue now."""
        self.paths.lane(station, "wake").touch()

    # -- reading ---------------------------------------------------------------------------------------------------

    def get(self, run_id: str) -> RunInfo:
        """One run. ValueError when there is none with this id."""
        row = self.store.get(check_run_id(run_id))
        if row is None and self.paths.run(run_id).is_dir() and self.store.adopt_missing():
            row = self.store.get(run_id)
        if row is None:
            raise ValueError(f"There is no run {run_id}; it may have been deleted.")
        return self._info(row)

    def list(self, *, kind: str | None = None, lane: str | None = None, states: Sequence[str] = (), limit: int = 100) -> Infos:
        """Runs, newest first."""
        return [self._info(row) for row in self.store.select(kind=kind, lane=lane, states=states, limit=limit)]

    def _info(self, row: Row) -> RunInfo:
        ahead = self.store.ahead(row) if row.state == "queued" else 0
        return RunInfo(row.id, row.kind, row.lane, row.title, row.state, row.note, row.created, row.started,
                       row.finished, ahead, row.station)  # fmt: skip

    def tail(self, run_id: str, offset: int = 0) -> tuple[Events, int]:
        """(events after byte `offset`, offset to ask with next). Whole lines only; cheap enough for a timer."""
        return events.tail(self.paths.run(run_id) / "events.jsonl", offset)

    def follow(
        self, run_id: str, offset: int = 0, *, poll_s: float = 0.05, until_paused: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Events as they come, until the run has ended (or is paused). Leaving the loop leaves the run alone."""
        while True:
            info = self.get(run_id)  # before reading: what a final state follows has then been written
            found, offset = self.tail(run_id, offset)
            yield from found
            if not found:
                if info.final or (until_paused and info.state == "paused"):
                    return
                time.sleep(poll_s)

    def spec(self, run_id: str) -> Spec:
        return read_spec(self.paths.run(run_id))

    def result(self, run_id: str) -> dict[str, Any] | None:
        """`result.json`; while a run goes on, what is finished so far; None when nothing is."""
        return read_json(self.paths.run(run_id) / "result.json")

    def progress(self, run_id: str) -> dict[str, Any] | None:
        """The newest progress event of a run, or None."""
        return events.last_event(self.paths.run(run_id) / "events.jsonl", "progress")

    def log_tail(self, run_id: str, n_bytes: int = 16_384) -> str:
        """The end of the run's log, at most `n_bytes` of it, from the beginning of a line; "" when there is none."""
        try:
            with open(self.paths.run(run_id) / "log.txt", "rb") as file:
                size, n = file.seek(0, os.SEEK_END), max(0, min(int(n_bytes), MAX_LOG_BYTES))
                file.seek(max(0, size - n - 1))  # and the byte before, which may end a line
                raw = file.read(n + 1)
        except FileNotFoundError:
            return ""
        if size > n:
            raw = raw[(raw.find(b"\n") + 1) or 1 :]
        return raw.decode("utf-8", errors="replace")

    def artifact(self, run_id: str, relative: str) -> Path:
        """Path of a file a run made, named as in its events. ValueError for names that lead elsewhere."""
        return artifact_path(self.paths.run(run_id), relative)

    def status(self, lane: str = "interactive") -> LaneStatus:
        """What the lane's worker says of itself, checked against whether it lives."""
        beat = read_json(self.paths.lane(lane, "json"))
        if beat is None or alive(beat.get("worker")) is False:
            holder = read_json(self.paths.lane(lane, "lock"))
            if holder and alive(holder) and holder.get("role") == "inline":
                return LaneStatus(lane, "busy", "A command on this machine is using the models.", pid=holder.get("pid"))
            if holder and alive(holder):
                return LaneStatus(lane, "starting", "The worker is starting.", pid=holder.get("pid"))
            return LaneStatus(lane, "absent", "No worker is running.")
        state, note = str(beat.get("state")), str(beat.get("note", ""))
        age = time.time() - float(beat.get("time", 0))
        if age > SILENT_S:
            state, note = "silent", f"The worker has not answered for {age:.0f} seconds."
        return LaneStatus(lane, state, note, beat.get("run"), beat.get("device"), tuple(beat.get("models", ())),
                          int(beat.get("warm_bytes", 0)), beat["worker"].get("pid"))  # fmt: skip

    # -- changing --------------------------------------------------------------------------------------------------

    def claim(self, station: str, owner: dict[str, Any], run_id: str | None = None) -> Row | None:
        """For workers and dispatchers: take the first queued run of the station (or this one), or None."""
        return self.store.claim(station, owner, run_id)

    def told(self, run_id: str, state: str, owner: dict[str, Any], note: str = "") -> None:
        """For workers and dispatchers: let the index know that a run of theirs is loading or running.

        The run's events say more and are the truth; a moment in which the index cannot be written is passed over.
        """
        with contextlib.suppress(sqlite3.OperationalError):
            if state in ACTIVE:
                self.store.move(run_id, state, note, only=ACTIVE, owner=owner)

    def finish(self, run_id: str, state: str, note: str, owner: dict[str, Any]) -> bool:
        """For workers: record how a claimed run ended. Its events say so first, unless the disk was full then."""
        if self.paths.run(run_id).is_dir() and self._said(run_id) != state:
            self._append(run_id, state, note)
        done = self.store.move(run_id, state, note, only=ACTIVE, owner=owner)
        if done:
            self._delete_if_asked(run_id)
        return done

    def say_failed(self, run_id: str, note: str) -> None:
        """For workers: write the event of a run that failed before it could say so itself."""
        with contextlib.suppress(OSError, ValueError):
            self._append(run_id, "failed", note)

    def _append(self, run_id: str, state: str, note: str) -> None:
        with EventLog(self.paths.run(run_id) / "events.jsonl") as log:
            log.write("state", state=state, note=note)
