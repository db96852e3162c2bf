"""Executing a run directory on another machine that sees the same folders: what a cluster's task does.

An engine that lost a machine starts the task again elsewhere, perhaps before the first one has noticed that it is to
end; the lock in the run directory keeps the second waiting until the first is gone, so that one process at a time
writes the log and the checkpoints. `flock` holds across machines on NFS from version 4 on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from studio.core.explain import explain
from studio.jobs.events import FINAL, EventLog, last_event
from studio.jobs.locks import LOCK_FILE, FileLock

Do = Callable[[Path, Path], tuple[str, str]]
PATIENCE_S = 120.0  # for another process that still has the run


def execute(folder: str, do: Do, patience_s: float = PATIENCE_S) -> tuple[str, str]:
    """Run the directory from its beginning or its last checkpoint; returns (state, note), which its events also say.

    do: executes a run directory, with a folder for device locks.
    """
    run = Path(folder)
    if not (run / "spec.json").is_file():
        # Said to whoever started the task: there is no log to write to here.
        return (
            "failed",
            f"The node does not see the run directory {run}; the data folder must be on a file system all nodes share.",
        )
    lock = FileLock(run / LOCK_FILE)
    if not lock.acquire(wait_s=patience_s, role="task"):
        raise RuntimeError(f"Another process still has {run.name} after {patience_s:.0f} s.")
    try:
        said = last_event(run / "events.jsonl", "state") or {}
        if said.get("state") in (*FINAL, "paused"):  # the first task came to the end, and only its answer was lost
            return said["state"], said.get("note", "")
        return _run(run, do)
    finally:
        lock.release()


def _run(run: Path, do: Do) -> tuple[str, str]:
    # The engine has given this task its devices, so their locks are the task's own and not the data folder's.
    with tempfile.TemporaryDirectory(prefix="studio-locks-") as locks:
        try:
            return do(run, Path(locks))
        except Exception as error:  # before the run could say so itself
            note = explain(error)
            with EventLog(run / "events.jsonl") as log:
                log.write("state", state="failed", note=note)
            return "failed", note
