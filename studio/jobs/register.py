"""The runs of a data folder: read, said in their logs, deleted. The run directory is the truth, the table an index over it.

What a person may ask is in `commands`, what becomes of runs that lost their process in `recovery`, submitting in `jobs`.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from studio.core.files import Json, read_json
from studio.jobs import events
from studio.jobs.cards import forget
from studio.jobs.events import EventLog, last_event
from studio.jobs.info import LaneStatus, RunInfo
from studio.jobs.locks import alive, lives
from studio.jobs.notes import Notes, checked_name, checked_tags, read_notes, write_notes
from studio.jobs.paths import Paths, check_run_id
from studio.jobs.run import Spec, artifact_path, read_spec
from studio.jobs.store import Row, Store
from studio.jobs.trash import Trash

MAX_LOG_BYTES = 1 << 20  # of a log, read at a time
TO_TRASH = "trash"  # in the file `delete` of a run that is to go to the trash when it has ended
SILENT_S = 60.0  # a worker on another host without heartbeat for this long counts as gone
Events = list[Json]
Infos = list[RunInfo]


class Register:
    """Every run of a data folder. Safe from any thread and from several processes at once."""

    def __init__(self, paths: Paths):
        self.paths = paths
        self.store = Store(paths)
        self.trash = Trash(paths, self.store)

    def get(self, run_id: str) -> RunInfo:
        """One run. ValueError when there is none with this id."""
        row = self.store.get(check_run_id(run_id))
        if row is None and self.paths.run(run_id).is_dir() and self.store.adopt_missing():
            row = self.store.get(run_id)
        if row is None:
            raise ValueError(f"There is no run {run_id}; it may have been deleted.")
        return self._info(row)

    def sees(self, run_id: str) -> bool:
        """Whether whoever asks may look at a run; ValueError where it is not there for them."""
        return True

    def whose(self) -> str | None:
        """Of a public demo, whose runs whoever asks may look at; None is everybody's."""
        return None

    def list(self, *, kind: str | None = None, lane: str | None = None, states: Sequence[str] = (), limit: int = 100) -> Infos:
        """Runs, newest first."""
        return [self._info(row) for row in self.store.select(kind=kind, lane=lane, states=states, limit=limit)]

    def _info(self, row: Row) -> RunInfo:
        ahead = self.store.ahead(row) if row.state == "queued" else 0
        return RunInfo(
            row.id, row.kind, row.lane, row.title, row.state, row.note, row.created, row.started, row.finished, ahead, row.station
        )

    def tail(self, run_id: str, offset: int = 0) -> tuple[Events, int]:
        """(events after byte `offset`, offset to ask with next). Whole lines only; cheap enough for a timer."""
        return events.tail(self.paths.run(run_id) / "events.jsonl", offset)

    def follow(
        self,
        run_id: str,
        offset: int = 0,
        *,
        poll_s: float = 0.05,
        until_paused: bool = False,
        going: Callable[[], bool] = lambda: True,
    ) -> Iterator[Json]:
        """Events as they come, until the run has ended (or is paused). Leaving the loop leaves the run alone.

        going: whether whoever sees to the run is still there; without it no end would ever come, so this ends too.
        """
        while True:
            on = going()  # and only then the state, and only then the events: what came before either has been written
            info = self.get(run_id)
            found, offset = self.tail(run_id, offset)
            yield from found
            if not found:
                if info.final or (until_paused and info.state == "paused") or not on:
                    return
                time.sleep(poll_s)

    def spec(self, run_id: str) -> Spec:
        return read_spec(self.paths.run(run_id))

    def result(self, run_id: str) -> Json | None:
        """`result.json`; while a run goes on, what is finished so far; None when nothing is."""
        return read_json(self.paths.run(run_id) / "result.json")

    def progress(self, run_id: str) -> Json | None:
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
        if beat is None or lives(beat.get("worker"), self.paths.lane(lane, "lock")) is False:
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
        return LaneStatus(
            lane,
            state,
            note,
            beat.get("run"),
            beat.get("device"),
            tuple(beat.get("models", ())),
            int(beat.get("warm_bytes", 0)),
            beat["worker"].get("pid"),
        )

    def wake(self, station: str) -> None:
        """Tell an idle worker, or dispatcher, to look at the queue now."""
        self.paths.lane(station, "wake").touch()

    def append(self, run_id: str, state: str, note: str) -> None:
        with EventLog(self.paths.run(run_id) / "events.jsonl") as log:
            log.write("state", state=state, note=note)

    def delete(self, run_id: str, to_trash: bool = False) -> None:
        """Remove a run and everything it made, for good or to the trash. ValueError while it is queued or running (see
        `discard`)."""
        if not (info := self.get(run_id)).final:
            raise ValueError(f"{run_id} is {info.state} and has not ended; cancel it first, then delete it.")
        if to_trash:
            return self.trash.put(run_id)
        folder, grave = self.paths.run(run_id), self.paths.trash / run_id
        if folder.exists():
            folder.replace(grave)  # gone at once, so that a rebuild cannot bring half of it back
        self.store.delete(run_id)
        shutil.rmtree(grave, ignore_errors=True)

    def restore(self, run_id: str) -> RunInfo:
        """Put a run of the trash back. ValueError when it is not there."""
        self.trash.restore(run_id)
        return self.get(run_id)

    def note(
        self, run_id: str, *, name: str | None = None, tags: Sequence[str] | None = None, favourite: bool | None = None
    ) -> Notes:
        """Change what is said of a run; None leaves it. ValueError in one sentence where it does not fit."""
        self.get(run_id)
        folder = self.paths.run(run_id)
        before = read_notes(folder)
        notes = Notes(
            before.name if name is None else checked_name(name),
            before.tags if tags is None else checked_tags(tags),
            before.favourite if favourite is None else favourite,
        )
        write_notes(folder, notes)
        forget(self.store, run_id)
        return notes

    def delete_if_asked(self, run_id: str) -> None:
        asked = self.paths.run(run_id) / "delete"
        if asked.exists() and self.get(run_id).final:
            self.delete(run_id, asked.read_text(encoding="utf-8", errors="replace") == TO_TRASH)

    def said(self, run_id: str) -> str:
        """The state that the run's own log ends with."""
        last = last_event(self.paths.run(run_id) / "events.jsonl", "state") or {}
        return str(last.get("state", ""))
