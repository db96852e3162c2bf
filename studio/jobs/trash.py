"""Runs that somebody deleted and may want back: whole run directories in `<data>/trash/`, each with `deleted.json`.

They are no runs there: no list, no route and no rebuilt index knows them. After `KEPT_DAYS` days, or when the trash is emptied,
they are gone for good.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass

from studio.core.files import atomic_write, read_json
from studio.jobs.paths import RUN_ID, Paths, check_run_id
from studio.jobs.run import read_spec
from studio.jobs.store import Store

KEPT_DAYS = 7
STAMP_FILE = "deleted.json"
GOING = ".gone-"  # before the name of a folder that is being removed
WAITS_S = 3600.0  # a folder without a stamp is being removed by somebody; one that is this old was left behind
_DAY_S = 86_400.0


@dataclass(frozen=True)
class Thrown:
    """A run in the trash. deleted: unix seconds. days: until it is gone."""

    id: str
    kind: str
    title: str
    deleted: float

    @property
    def days(self) -> float:
        return max(0.0, KEPT_DAYS - (time.time() - self.deleted) / _DAY_S)


class Trash:
    """Whether a run may be deleted is asked before (`Register.delete`)."""

    def __init__(self, paths: Paths, store: Store):
        self.paths, self.store = paths, store

    def put(self, run_id: str) -> None:
        """Take a run out of the runs. It is there whole, or here whole."""
        folder, grave = self.paths.run(run_id), self.paths.trash / run_id
        if folder.is_dir():
            if grave.exists():
                self._remove(run_id)
            atomic_write(folder / STAMP_FILE, json.dumps({"time": time.time()}))
            folder.replace(grave)
        self.store.delete(run_id)

    def listed(self) -> list[Thrown]:
        """What can be taken back, deleted last first. What has been here for too long is removed."""
        self.purge(KEPT_DAYS * _DAY_S)
        found = []
        for run_id, deleted in self._stamps().items():
            try:
                spec = read_spec(self.paths.trash / run_id)
            except ValueError:
                continue
            found.append(Thrown(run_id, spec.kind, spec.title, deleted))
        return sorted(found, key=lambda one: (-one.deleted, one.id))

    def restore(self, run_id: str) -> None:
        """Put a run back, as it was. ValueError when it is not here any more."""
        grave = self.paths.trash / check_run_id(run_id)
        if run_id not in self._stamps():
            raise ValueError(f"There is no run {run_id} in the trash; what was deleted is kept for {KEPT_DAYS} days.")
        (grave / "delete").unlink(missing_ok=True)
        try:
            grave.rename(self.paths.run(run_id))
        except FileNotFoundError:  # somebody else was first, either way
            raise ValueError(f"The run {run_id} is not in the trash any more.") from None
        (self.paths.run(run_id) / STAMP_FILE).unlink(missing_ok=True)
        self.store.adopt_missing()

    def purge(self, older_s: float = 0.0, only: Sequence[str] | None = None) -> list[str]:
        """Remove for good what was deleted this long ago, or these of it; their ids."""
        now, stamps = time.time(), self._stamps()
        gone = [run for run, at in stamps.items() if now - at >= older_s and (only is None or run in only)]
        for run_id in gone:
            self._remove(run_id)
        for left in self.paths.trash.iterdir():  # of a process that died while it removed them
            with contextlib.suppress(OSError):
                if left.name.startswith(GOING) or (left.name not in stamps and now - left.stat().st_mtime > WAITS_S):
                    shutil.rmtree(left, ignore_errors=True)
        return gone

    def _remove(self, run_id: str) -> None:
        going = self.paths.trash / f"{GOING}{run_id}"
        with contextlib.suppress(FileNotFoundError):  # somebody else removes it
            (self.paths.trash / run_id).replace(going)
            shutil.rmtree(going, ignore_errors=True)

    def _stamps(self) -> dict[str, float]:
        """When each was deleted."""
        found = dict[str, float]()
        for folder in self.paths.trash.iterdir():
            if RUN_ID.fullmatch(folder.name) and not folder.is_symlink():
                at = (read_json(folder / STAMP_FILE) or {}).get("time")
                if isinstance(at, (int, float)):
                    found[folder.name] = float(at)
        return found
