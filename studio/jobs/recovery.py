"""What becomes of runs whose process is gone: taken up again where that is safe, or said to be interrupted.

Any number of servers look after one data folder; whoever sees first that a process is gone settles its runs, once.
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

from studio.core.files import Json, atomic_write, read_json
from studio.jobs import events
from studio.jobs.events import ACTIVE, FINAL
from studio.jobs.executors import HANDLE_FILE
from studio.jobs.info import RunInfo
from studio.jobs.kinds import is_resumable
from studio.jobs.locks import held, identity, lives
from studio.jobs.register import SILENT_S, Register
from studio.jobs.store import Row

MAX_DEATHS = 4  # of workers over one run that keeps checkpoints, without a new checkpoint in between
MAX_ATTEMPTS = 2  # a run whose worker dies before anything was drawn is tried once more
DEATHS_FILE = "deaths.json"  # how often workers died over this run since it last got ahead


class Recovery:
    """Looks after the runs of a register that lost their process."""

    def __init__(self, register: Register):
        self.register, self.store, self.paths = register, register.store, register.paths

    def reconcile(self, station: str | None = None, cause: str = "") -> list[RunInfo]:
        """Settle runs whose process is gone; returns those changed. Any number of servers may call this at once.

        Nothing drawn yet: queued again, once. Something drawn: 'interrupted', and what was drawn is kept. A run that
        keeps checkpoints: queued again to continue, unless it died `MAX_DEATHS` times without getting ahead.
        """
        changed = []
        for row in self.store.select(station=station, states=ACTIVE, limit=1000):
            why = cause or f"The {'worker' if row.station == row.lane else 'dispatcher'} process stopped"
            if self._gone(row) and self._settle(row, why):
                changed.append(self.register.get(row.id))
        return changed

    def _gone(self, row: Row) -> bool:
        there = lives(row.owner, self.paths.lane(row.station, "lock"))
        if there is None:  # another host on the same folder: its heartbeat is all there is
            beat = read_json(self.paths.lane(row.station, "json")) or {}
            same = (beat.get("worker") or {}).get("started") == row.pid_started
            there = same and time.time() - float(beat.get("time", 0)) <= SILENT_S
        # A cluster's task may outlive its dispatcher for a moment and still write.
        return not there and (row.station == row.lane or not held(self.paths.run(row.id)))

    def _settle(self, row: Row, cause: str) -> bool:
        folder = self.paths.run(row.id)
        last = events.last_event(folder / "events.jsonl", "state") or {}
        if last.get("state") in (*FINAL, "paused"):  # it ended properly and died before telling the index
            (folder / HANDLE_FILE).unlink(missing_ok=True)
            return self.store.move(row.id, last["state"], last.get("note", ""), only=ACTIVE, owner=row.owner)
        state, note = self._verdict(row, folder, cause)
        # One caller wins here. Only then is the event written, and only then may another worker claim it.
        me = identity()
        if not self.store.adopt(row, me):
            return False
        self._settled(row.id, state, note, me)
        return True

    def lost(self, run_id: str, cause: str, owner: Json) -> None:
        """A claimed run ended without saying how. It is settled as if its worker had died."""
        row = self.store.get(run_id)
        if row is not None:
            self._settled(run_id, *self._verdict(row, self.paths.run(run_id), cause), owner)

    def put_back(self, run_id: str, note: str, owner: Json) -> None:
        """A claimed run cannot be begun now and waits again; its log says so once."""
        last = events.last_event(self.paths.run(run_id) / "events.jsonl", "state") or {}
        if (last.get("state"), last.get("note")) != ("queued", note):
            self.register.append(run_id, "queued", note)
        self.store.move(run_id, "queued", note, only=ACTIVE, owner=owner)

    def _settled(self, run_id: str, state: str, note: str, owner: Json) -> None:
        self.register.append(run_id, state, note)
        self.store.move(run_id, state, note, only=ACTIVE, owner=owner)
        self.register.delete_if_asked(run_id)
        if state == "queued":
            self.register.wake(self.register.get(run_id).station)

    def _verdict(self, row: Row, folder: Path, cause: str) -> tuple[str, str]:
        """(state, note) of a run whose process ended without saying anything."""
        if (folder / HANDLE_FILE).exists():  # an engine has it still, and its dispatcher died
            return "queued", f"{cause}; this run is looked for at its executor."
        asked = next((name for name in ("cancel", "stop", "pause") if (folder / name).exists()), None)
        made = sum(1 for path in (folder / "artifacts").rglob("*") if path.is_file())
        if asked is not None:
            state = {"cancel": "cancelled", "stop": "stopped", "pause": "paused"}[asked]
            return state, f"{state.capitalize()} while its worker stopped."
        if is_resumable(row.kind):
            return self._after_death(folder, cause)
        if made == 0 and row.attempts < MAX_ATTEMPTS:
            return "queued", f"{cause} before anything was drawn, so this run was put back in the queue."
        kept = f"the {made} files it had made are kept" if made else "it had made nothing, also at a second attempt"
        return "interrupted", f"{cause} while this run was going; {kept}. Run it again to finish."

    def _after_death(self, folder: Path, cause: str) -> tuple[str, str]:
        """What becomes of a run with checkpoints whose worker died; deaths without progress are counted on disk."""
        saved = [path for path in (folder / "checkpoints").glob("*") if path.suffix in (".pt", ".json") and path.name[0] != "."]
        files = [path.stat().st_mtime_ns for path in saved]
        reached, before = max(files, default=0), read_json(folder / DEATHS_FILE) or {}
        deaths = 1 + (int(before.get("deaths", 0)) if before.get("reached") == reached else 0)
        with contextlib.suppress(OSError):
            atomic_write(folder / DEATHS_FILE, json.dumps({"deaths": deaths, "reached": reached}))
        where = "from its last checkpoint" if files else "from the start, as there was no checkpoint yet"
        if deaths < MAX_DEATHS:
            return "queued", f"{cause}; this run is queued again and continues {where}."
        kept = "its last checkpoint is kept" if files else "there was no checkpoint yet"
        return "interrupted", f"{cause}, for the {deaths}th time without getting ahead; {kept}. Resume it to try again."
