"""A clock that is set anew while a run goes on: the run goes on, and nobody else takes it."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from studio.jobs.jobs import Jobs
from studio.jobs.locks import FileLock, alive, identity, lives
from studio.jobs.supervisor import Supervisor
from studio.library.stock import open_jobs
from tests.support.fixtures import until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Processes are forked.")
JUMPS = (-86_400.0, 3600.0)  # seconds


def hold(root: str, told: Any) -> None:
    """A worker that took a run and is at it."""
    jobs = open_jobs(root)
    lock = FileLock(jobs.paths.lane("interactive", "lock"))
    assert lock.acquire(role="worker")
    row = jobs.claim("interactive", me := identity())
    jobs.told(row.id, "running", me)  # type: ignore[union-attr]
    told.set()
    time.sleep(60)


@pytest.mark.parametrize("jump", JUMPS)
def test_a_run_is_not_taken_from_a_worker_that_seems_to_be_another(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    run = jobs.submit("sleepy", {})
    context = multiprocessing.get_context("fork")
    told = context.Event()
    worker = context.Process(target=hold, args=(str(jobs.paths.root), told))
    worker.start()
    assert told.wait(30)
    was, spawned = psutil.Process.create_time, list[str]()
    try:
        monkeypatch.setattr(psutil.Process, "create_time", lambda self: was(self) + jump)  # which is told by the clock
        clock = time.time
        monkeypatch.setattr(time, "time", lambda: clock() + jump)
        monkeypatch.setattr(Supervisor, "_spawn", lambda self, lane: spawned.append(lane.name))
        assert jobs.reconcile("interactive") == []
        supervisor = Supervisor(jobs, ("interactive",))
        supervisor._tend(supervisor._lanes[0])
        assert jobs.get(run).state == "running" and spawned == []
        worker.kill()
        worker.join()
        supervisor._tend(supervisor._lanes[0])
        assert until(lambda: jobs.get(run).state) == "queued" and spawned == ["interactive"]
    finally:
        worker.kill()
        worker.join(10)


def test_who_holds_a_lock_lives_and_who_held_it_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    lock = FileLock(path)
    assert lock.acquire()
    me = identity()
    was = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: was(self) + 100.0)
    assert alive(me) is False and lives(me, path) is True
    assert lives({**me, "started": me["started"] + 50}, path) is False
    text = path.read_text()
    lock.release()
    path.write_text(text)
    assert lives(me, path) is False and lives(None, path) is False


def test_runs_of_two_clocks_are_all_done(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, clock = [], time.time
    for jump in (0.0, -86_400.0, 86_400.0, 3.0):
        monkeypatch.setattr(time, "time", lambda jump=jump: clock() + jump)
        runs.append(jobs.submit("sleepy", {}))
    monkeypatch.setattr(time, "time", clock)
    me = identity()
    taken = [row.id for row in iter(lambda: jobs.claim("interactive", me), None)]
    assert sorted(taken) == sorted(runs)
    for run in taken:
        jobs.finish(run, "done", "", me)
        assert jobs.get(run).state == "done"
