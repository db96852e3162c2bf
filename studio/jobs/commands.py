"""What a person may ask of a run: pause, resume, stop, save or sample now, cancel, another place in the queue, delete.

A request is a file in the run directory (empty, but for `delete` to the trash), which the process that executes the run finds
between two steps; so any process may ask, and a request outlives a worker that dies before it sees it. Runs that no process has
are changed here.
"""

from __future__ import annotations

from typing import Literal

from studio.core.files import atomic_write
from studio.jobs.events import ACTIVE
from studio.jobs.executors import HANDLE_FILE
from studio.jobs.info import RunInfo
from studio.jobs.kinds import is_resumable
from studio.jobs.recovery import DEATHS_FILE, Recovery
from studio.jobs.register import TO_TRASH, Register

RESUMABLE = ("paused", "stopped", "interrupted", "failed")  # states from which a run can be continued
REQUESTS = ("cancel", "stop", "pause", "save", "sample", "delete")
Where = Literal["up", "down", "first", "last"]


class Commands:
    """Changes runs of a register, as somebody asks."""

    def __init__(self, register: Register, recovery: Recovery):
        self.register, self.recovery, self.store, self.paths = register, recovery, register.store, register.paths

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
        info = self.register.get(run_id)
        if info.final:
            raise ValueError(f"{run_id} has ended ({info.state}); there is nothing to pause.")
        return self._end(run_id, "pause", "paused", "Paused before it began.", "")

    def _end(self, run_id: str, name: str, state: str, before: str, while_paused: str) -> RunInfo:
        info = self.register.get(run_id)
        if info.final or info.state == state:
            return info
        (self.paths.run(run_id) / name).touch()
        # A run that an engine still has is not ended behind its back: its dispatcher finds the request.
        away = (self.paths.run(run_id) / HANDLE_FILE).exists()
        for only, note in () if away else (("queued", before), ("paused", while_paused)):
            if note and self.store.move(run_id, state, note, only=(only,)):
                self.register.append(run_id, state, note)
                return self.register.get(run_id)
        self.recovery.reconcile(info.station)
        return self.register.get(run_id)

    def resume(self, run_id: str) -> RunInfo:
        """Continue a paused, stopped, interrupted or failed run, in the same directory and from its last checkpoint."""
        self._must_be_resumable(run_id, "resumed; run it again instead")
        info, folder = self.register.get(run_id), self.paths.run(run_id)
        if info.state in (*ACTIVE, "queued"):
            (folder / "pause").unlink(missing_ok=True)  # it may not have been seen yet
            (folder / "stop").unlink(missing_ok=True)
            return self.register.get(run_id)
        if info.state not in RESUMABLE:
            raise ValueError(f"{run_id} is {info.state}; a run that was paused, stopped, interrupted or failed can be resumed.")
        for name in ("pause", "stop", "cancel", DEATHS_FILE, HANDLE_FILE):
            (folder / name).unlink(missing_ok=True)
        # The event first: once the index says queued, a worker may claim the run and write events itself.
        note = "Resumed; it continues from its last checkpoint."
        if self.store.move(run_id, "paused", note, only=RESUMABLE):
            self.register.append(run_id, "queued", note)
            self.store.move(run_id, "queued", note, only=("paused",))
        self.register.wake(info.station)
        return self.register.get(run_id)

    def save_now(self, run_id: str) -> None:
        """Ask a running run for a checkpoint after this step."""
        self._request(run_id, "save")

    def sample_now(self, run_id: str) -> None:
        """Ask a running run for pictures after this step."""
        self._request(run_id, "sample")

    def _request(self, run_id: str, name: str) -> None:
        self._must_be_resumable(run_id, f"asked to {name}")
        info = self.register.get(run_id)
        if info.state not in ACTIVE:
            raise ValueError(f"{run_id} is {info.state}; only a run that is going can be asked to {name}.")
        (self.paths.run(run_id) / name).touch()

    def asked(self, run_id: str) -> str | None:
        """What a run was asked to do and has not done yet, a name of `REQUESTS`; the weightiest of several."""
        folder = self.paths.run(run_id)
        waiting = next((name for name in ("delete", *REQUESTS) if (folder / name).exists()), None)
        return None if waiting is None or self.register.get(run_id).state not in (*ACTIVE, "queued") else waiting

    def _must_be_resumable(self, run_id: str, what: str) -> None:
        info = self.register.get(run_id)
        if not is_resumable(info.kind):
            raise ValueError(f"A run of kind {info.kind} keeps no checkpoints and cannot be {what}.")

    def queue(self, station: str = "batch") -> list[RunInfo]:
        """Waiting runs of a lane, or of an executor, in the order in which they will be taken."""
        return [self.register.get(row.id) for row in self.store.queue(station)]

    def move(self, run_id: str, where: Where) -> list[RunInfo]:
        """Change a waiting run's place: "up", "down", "first" or "last"; returns the queue. Harmless at its ends."""
        info = self.register.get(run_id)
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

    def discard(self, run_id: str, to_trash: bool = False) -> None:
        """Cancel a run and remove it as soon as it has ended, now or when its process lets go."""
        self.register.get(run_id)
        atomic_write(self.paths.run(run_id) / "delete", TO_TRASH if to_trash else "", durable=False)  # never read by half
        if self.cancel(run_id).final:
            self.register.delete(run_id, to_trash)

    def resumable(self, run_id: str) -> bool:
        """Whether `resume` would continue this run."""
        info = self.register.get(run_id)
        return info.state in RESUMABLE and is_resumable(info.kind)
