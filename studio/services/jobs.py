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
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from studio.services import events
from studio.services.controls import DEATHS_FILE, Controls, is_resumable
from studio.services.events import ACTIVE, FINAL, EventLog
from studio.services.explain import brief, explain
from studio.services.kinds import KINDS
from studio.services.locks import alive, identity
from studio.services.models import Registry, load_registry
from studio.services.paths import Paths, atomic_write, check_run_id, new_run_id, open_paths
from studio.services.run import Spec, artifact_path, read_json, read_spec
from studio.services.store import Row, Store

MAX_QUEUED = 100  # per lane; a page that is stuck in a loop must not fill the disk
MAX_DEATHS = 4  # of workers over one run that keeps checkpoints, without a new checkpoint in between
MAX_ATTEMPTS = 2  # a run whose worker dies before anything was drawn is tried once more
SILENT_S = 60.0  # a worker on another host without heartbeat for this long counts as gone


@dataclass(frozen=True)
class RunInfo:
    """What a list shows of a run. Times are unix seconds; `ahead` counts the runs before a queued one."""

    id: str
    kind: str
    lane: str
    title: str
    state: str
    note: str
    created: float
    started: float | None
    finished: float | None
    ahead: int = 0

    @property
    def final(self) -> bool:
        return self.state in FINAL


@dataclass(frozen=True)
class LaneStatus:
    """What a lane's worker is doing. `state`: absent, starting, warming, ready, busy or silent."""

    lane: str
    state: str
    note: str
    run: str | None = None
    device: str | None = None
    models: tuple[str, ...] = ()  # opened and warm
    warm_bytes: int = 0
    pid: int | None = None


Events = list[dict[str, Any]]
Infos = list[RunInfo]


class Jobs(Controls):
    """The one door to the data folder. Cheap to make; safe from any thread and from several processes at once."""

    def __init__(self, data_dir: str | os.PathLike[str] | Paths | None = None):
        self.paths = data_dir if isinstance(data_dir, Paths) else open_paths(data_dir)
        self.store = Store(self.paths)

    def registry(self) -> Registry:
        """The models there are now; reading them again costs milliseconds and sees new ones."""
        return load_registry(self.paths)

    # -- submitting ------------------------------------------------------------------------------------------------

    def submit(
        self, kind: str, config: BaseModel | Mapping[str, Any], *, lane: str | None = None, parent: str | None = None
    ) -> str:
        """Validate a request, make its run directory, queue it; returns the run id.

        ValueError, one sentence, when the request does not fit; nothing is left behind then.
        """
        known = KINDS.get(kind)
        request = self.validate(kind, config)
        lane = lane or known.lane
        self.paths.lane(lane, "lock")  # refuses a name that is no lane
        if len(self.store.select(lane=lane, states=("queued",), limit=MAX_QUEUED)) >= MAX_QUEUED:
            raise ValueError(f"{MAX_QUEUED} runs are waiting already; cancel some or wait for them.")
        spec = Spec(id=new_run_id(), kind=kind, lane=lane, config=request.model_dump(mode="json"), created=time.time(),
                    title=known.label(request)[:120], parent=check_run_id(parent) if parent else None)  # fmt: skip
        self._make(spec)
        self.store.insert(Row(spec.id, kind, lane, spec.title, "queued", "", spec.created,
                              None, None, 0, None, None, None, spec.created))  # fmt: skip
        self.wake(lane)
        return spec.id

    def validate(self, kind: str, config: BaseModel | Mapping[str, Any]) -> BaseModel:
        """The typed request, or ValueError in one sentence. Milliseconds: no weights are touched."""
        known = KINDS.get(kind)
        if not isinstance(config, (BaseModel, Mapping)):
            raise ValueError(f"A request is an object with named fields, not {brief(config)}.")
        plain = config.model_dump(mode="json") if isinstance(config, BaseModel) else dict(config)
        try:
            return known.config.model_validate(plain, context={"registry": self.registry(), "paths": self.paths})
        except ValueError as error:
            raise ValueError(explain(error)) from error

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

    def wake(self, lane: str) -> None:
        """Tell an idle worker to look at the queue now."""
        self.paths.lane(lane, "wake").touch()

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
                       row.finished, ahead)  # fmt: skip

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

    def claim(self, lane: str, owner: dict[str, Any], run_id: str | None = None) -> Row | None:
        """For workers: take the first queued run of the lane (or this one), or None."""
        return self.store.claim(lane, owner, run_id)

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

    # -- when a worker died ----------------------------------------------------------------------------------------

    def reconcile(self, lane: str | None = None, cause: str = "The worker process stopped") -> Infos:
        """Settle runs whose process is gone; returns those changed. Any number of servers may call this at once.

        Nothing drawn yet: queued again, once. Something drawn: 'interrupted', and what was drawn is kept. A run that
        keeps checkpoints: queued again to continue, unless it died `MAX_DEATHS` times without getting ahead.
        """
        changed = []
        for row in self.store.select(lane=lane, states=ACTIVE, limit=1000):
            if self._gone(row) and self._settle(row, cause):
                changed.append(self.get(row.id))
        return changed

    def _gone(self, row: Row) -> bool:
        lives = alive(row.owner)
        if lives is None:  # another host on the same folder: its heartbeat is all there is
            beat = read_json(self.paths.lane(row.lane, "json")) or {}
            same = (beat.get("worker") or {}).get("started") == row.pid_started
            return not same or time.time() - float(beat.get("time", 0)) > SILENT_S
        return not lives

    def _settle(self, row: Row, cause: str) -> bool:
        folder = self.paths.run(row.id)
        last = events.last_event(folder / "events.jsonl", "state") or {}
        if last.get("state") in (*FINAL, "paused"):  # it ended properly and died before telling the index
            return self.store.move(row.id, last["state"], last.get("note", ""), only=ACTIVE, owner=row.owner)
        asked = next((name for name in ("cancel", "stop", "pause") if (folder / name).exists()), None)
        made = sum(1 for path in (folder / "artifacts").rglob("*") if path.is_file())
        if asked is not None:
            state = {"cancel": "cancelled", "stop": "stopped", "pause": "paused"}[asked]
            note = f"{state.capitalize()} while its worker stopped."
        elif is_resumable(row.kind):
            state, note = self._after_death(folder, cause)
        elif made == 0 and row.attempts < MAX_ATTEMPTS:
            state, note = "queued", f"{cause} before anything was drawn, so this run was put back in the queue."
        else:
            kept = f"the {made} files it had made are kept" if made else "it had made nothing, also at a second attempt"
            state, note = "interrupted", f"{cause} while this run was going; {kept}. Run it again to finish."
        # One caller wins here. Only then is the event written, and only then may another worker claim it.
        me = identity()
        if not self.store.adopt(row, me):
            return False
        self._append(row.id, state, note)
        self.store.move(row.id, state, note, only=ACTIVE, owner=me)
        self._delete_if_asked(row.id)
        if state == "queued":
            self.wake(row.lane)
        return True

    def _after_death(self, folder: Path, cause: str) -> tuple[str, str]:
        """What becomes of a run with checkpoints whose worker died; deaths without progress are counted on disk."""
        files = [path.stat().st_mtime_ns for path in (folder / "checkpoints").glob("*.pt")]
        reached, before = max(files, default=0), read_json(folder / DEATHS_FILE) or {}
        deaths = 1 + (int(before.get("deaths", 0)) if before.get("reached") == reached else 0)
        with contextlib.suppress(OSError):
            atomic_write(folder / DEATHS_FILE, json.dumps({"deaths": deaths, "reached": reached}))
        where = "from its last checkpoint" if files else "from the start, as there was no checkpoint yet"
        if deaths < MAX_DEATHS:
            return "queued", f"{cause}; this run is queued again and continues {where}."
        kept = "its last checkpoint is kept" if files else "there was no checkpoint yet"
        return "interrupted", f"{cause}, for the {deaths}th time without getting ahead; {kept}. Resume it to try again."

    def _append(self, run_id: str, state: str, note: str) -> None:
        with EventLog(self.paths.run(run_id) / "events.jsonl") as log:
            log.write("state", state=state, note=note)
