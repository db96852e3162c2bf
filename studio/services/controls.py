"""What a person may ask of a run: pause, resume, stop, save or sample now, cancel, another place in the queue, delete.

A request is an empty file in the run directory, which the process that executes the run finds between two steps; so any
process may ask, and a request outlives a worker that dies before it sees it. Runs that no process has are changed here.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

from studio.services.events import ACTIVE, last_event
from studio.services.executors import HANDLE_FILE
from studio.services.kinds import KINDS
from studio.services.paths import Paths

if TYPE_CHECKING:
    from studio.services.info import RunInfo
    from studio.services.store import Store

RESUMABLE = ("paused", "stopped", "interrupted", "failed")  # states from which a run can be continued
REQUESTS = ("cancel", "stop", "pause", "save", "sample", "delete")
DEATHS_FILE = "deaths.json"  # how often workers died over this run since it last got ahead
Where = Literal["up", "down", "first", "last"]


def is_resumable(kind: str) -> bool:
    """Whether runs of this kind keep checkpoints; no for a kind this program does not have (any more)."""
    return any(known.name == kind and known.resumable for known in KINDS.all())


class Controls(ABC):
    """The part of `Jobs` that changes runs."""

    paths: Paths
    store: Store

    @abstractmethod
    def get(self, run_id: str) -> RunInfo: ...
    @abstractmethod
    def reconcile(self, station: str | None = None, cause: str = ...) -> list[RunInfo]: ...
    @abstractmethod
    def wake(self, station: str) -> None: ...
    @abstractmethod
    def _append(self, run_id: str, state: str, note: str) -> None: ...

    def cancel(self, run_id: str) -> RunInfo:
        """End a run: at once when no process has it, within one step when it runs. Harmless when it has ended."""
        return self._end(run_id, "cancel", "cancelled", "Cancelled before it began.", "Cancelled while it was paused.")

    def stop(self, run_id: str) -> RunInfo:
        """End a run that can be resumed later; it saves a checkpoint first. Harmless when it has ended."""
        self._must_be_resumable(run_id, "stopped; cancel it instead")
        return self._end(run_id, "stop", "stopped", "Stopped before it began.", "Stopped while it was paused.")

    def pause(self, run_id: str) -> RunInfo:
        """Save, let go of the device and keep the place in the queue until `resume`."""
        self._must_be_resumable(run_id, "paused; cancel it instead")
        info = self.get(run_id)
        if info.final:
            raise ValueError(f"{run_id} has ended ({info.state}); there is nothing to pause.")
        return self._end(run_id, "pause", "paused", "Paused before it began.", "")

    def _end(self, run_id: str, name: str, state: str, before: str, while_paused: str) -> RunInfo:
        info = self.get(run_id)
        if info.final or info.state == state:
            return info
        (self.paths.run(run_id) / name).touch()
        # A run that an engine still has is not ended behind its back: its dispatcher finds the request.
        away = (self.paths.run(run_id) / HANDLE_FILE).exists()
        for only, note in () if away else (("queued", before), ("paused", while_paused)):
            if note and self.store.move(run_id, state, note, only=(only,)):
                self._append(run_id, state, note)
                return self.get(run_id)
        self.reconcile(info.station)
        return self.get(run_id)

    def resume(self, run_id: str) -> RunInfo:
        """Continue a paused, stopped, interrupted or failed run, in the same directory and from its last checkpoint."""
        self._must_be_resumable(run_id, "resumed; run it again instead")
        info, folder = self.get(run_id), self.paths.run(run_id)
        if info.state in (*ACTIVE, "queued"):
            (folder / "pause").unlink(missing_ok=True)  # it may not have been seen yet
            (folder / "stop").unlink(missing_ok=True)
            return self.get(run_id)
        if info.state not in RESUMABLE:
            raise ValueError(f"{run_id} is {info.state}; a run that was paused, stopped, interrupted or failed can be resumed.")
        for name in ("pause", "stop", "cancel", DEATHS_FILE, HANDLE_FILE):
            (folder / name).unlink(missing_ok=True)
        # The event first: once the index says queued, a worker may claim the run and write events itself.
        note = "Resumed; it continues from its last checkpoint."
        if self.store.move(run_id, "paused", note, only=RESUMABLE):
            self._append(run_id, "queued", note)
            self.store.move(run_id, "queued", note, only=("paused",))
        self.wake(info.station)
        return self.get(run_id)

    def save_now(self, run_id: str) -> None:
        """Ask a running run for a checkpoint after this step."""
        self._request(run_id, "save")

    def sample_now(self, run_id: str) -> None:
        """Ask a running run for pictures after this step."""
        self._request(run_id, "sample")

    def _request(self, run_id: str, name: str) -> None:
        self._must_be_resumable(run_id, f"asked to {name}")
        info = self.get(run_id)
        if info.state not in ACTIVE:
            raise ValueError(f"{run_id} is {info.state}; only a run that is going can be asked to {name}.")
        (self.paths.run(run_id) / name).touch()

    def asked(self, run_id: str) -> str | None:
        """What a run was asked to do and has not done yet, a name of `REQUESTS`; the weightiest of several."""
        folder = self.paths.run(run_id)
        waiting = next((name for name in ("delete", *REQUESTS) if (folder / name).exists()), None)
        return None if waiting is None or self.get(run_id).state not in (*ACTIVE, "queued") else waiting

    def _must_be_resumable(self, run_id: str, what: str) -> None:
        info = self.get(run_id)
        if not is_resumable(info.kind):
            raise ValueError(f"A run of kind {info.kind} keeps no checkpoints and cannot be {what}.")

    # -- the queue -------------------------------------------------------------------------------------------------

    def queue(self, station: str = "batch") -> list[RunInfo]:
        """Waiting runs of a lane, or of an executor, in the order in which they will be taken."""
        return [self.get(row.id) for row in self.store.queue(station)]

    def move(self, run_id: str, where: Where) -> list[RunInfo]:
        """Change a waiting run's place: "up", "down", "first" or "last"; returns the queue. Harmless at its ends."""
        info = self.get(run_id)
        if where not in ("up", "down", "first", "last"):
            raise ValueError(f"{str(where)[:40]!r} is no place in a queue; up, down, first and last are.")
        if info.state != "queued":
            raise ValueError(f"{run_id} is {info.state}; only a waiting run can be moved.")
        rows = self.store.queue(info.station)
        at = next((i for i, row in enumerate(rows) if row.id == run_id), 0)
        target = {"up": max(at - 1, 0), "down": min(at + 1, len(rows) - 1), "first": 0, "last": len(rows) - 1}[where]
        if target != at:
            rest = [row.rank for row in rows if row.id != run_id]
            before, after = rest[target - 1 : target], rest[target : target + 1]
            low = before[0] if before else after[0] - 2.0
            self.store.put(run_id, (low + (after[0] if after else low + 2.0)) / 2)
        return self.queue(info.station)

    # -- the end ---------------------------------------------------------------------------------------------------

    def delete(self, run_id: str) -> None:
        """Remove a run and everything it made. ValueError while it is queued or running (see `discard`)."""
        if not self.get(run_id).final:
            raise ValueError(f"{run_id} has not ended; cancel it first, then delete it.")
        folder, grave = self.paths.run(run_id), self.paths.trash / run_id
        if folder.exists():
            folder.replace(grave)  # gone at once, so that a rebuild cannot bring half of it back
        self.store.delete(run_id)
        shutil.rmtree(grave, ignore_errors=True)

    def discard(self, run_id: str) -> None:
        """Cancel a run and remove it as soon as it has ended, now or when its process lets go."""
        self.get(run_id)
        (self.paths.run(run_id) / "delete").touch()
        if self.cancel(run_id).final:
            self.delete(run_id)

    def _delete_if_asked(self, run_id: str) -> None:
        if (self.paths.run(run_id) / "delete").exists() and self.get(run_id).final:
            self.delete(run_id)

    def _said(self, run_id: str) -> str:
        """The state that the run's own log ends with."""
        last = last_event(self.paths.run(run_id) / "events.jsonl", "state") or {}
        return str(last.get("state", ""))

    def resumable(self, run_id: str) -> bool:
        """Whether `resume` would continue this run."""
        info = self.get(run_id)
        return info.state in RESUMABLE and is_resumable(info.kind)
