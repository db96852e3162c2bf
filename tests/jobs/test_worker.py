"""Real worker processes: killed, cancelled, shared, idle. The jobs only sleep, so no worker here imports torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import psutil
import pytest

from studio.jobs.jobs import Jobs
from studio.jobs.locks import FileLock, alive
from studio.jobs.paths import ROOT
from studio.jobs.supervisor import Supervisor
from studio.library.stock import open_jobs
from tests.support.fixtures import states, until

Supervise = Callable[..., Supervisor]


def worker_pid(jobs: Jobs) -> int:
    return until(lambda: jobs.status().pid)


def done(jobs: Jobs, run_id: str, state: str = "done") -> bool:
    info = jobs.get(run_id)
    assert not info.final or info.state == state, info
    return info.final


def progressed(jobs: Jobs, run_id: str) -> bool:
    return any(event["kind"] == "progress" for event in jobs.tail(run_id)[0])


@pytest.mark.slow
def test_a_worker_takes_what_two_servers_submit_and_leaves_when_nobody_wants_it(jobs: Jobs, supervise: Supervise) -> None:
    other = open_jobs(jobs.paths.root)
    first, second = supervise(linger_s=1.0), supervise(jobs=other, linger_s=1.0)
    submitted = [server.submit("sleepy", {"steps": 2}) for server in (jobs, other) for _ in range(3)]
    for run_id in submitted:
        until(lambda run_id=run_id: done(jobs, run_id))
        assert states(jobs, run_id) == ["queued", "loading", "running", "done"]
    pids = {(jobs.store.get(run_id) or object()).pid for run_id in submitted}  # type: ignore[union-attr]
    assert len(pids) == 1, "one worker per lane and data folder"
    assert until(lambda: jobs.status().state == "ready")
    assert jobs.status().device == "cpu"
    second_worker = subprocess.run(
        [sys.executable, "-m", "studio.worker", "--data-dir", str(jobs.paths.root), "--device", "cpu"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert second_worker.returncode == 3
    assert "served already" in second_worker.stdout
    first.stop()
    second.stop()
    until(lambda: jobs.status().state == "absent")
    assert not FileLock(jobs.paths.lane("interactive", "lock")).held


SERVER = """
import sys
from studio.library.stock import open_jobs
from studio.jobs.supervisor import Supervisor

jobs = open_jobs(sys.argv[1])
Supervisor(jobs, lanes=("batch",), device="cpu", linger_s=60).start()
for line in sys.stdin:  # seconds a step
    print(jobs.submit("sleepy", {"steps": 60, "seconds": float(line), "files": False}, lane="batch"), flush=True)
"""


class Server:
    """A server process of its own: supervises, and submits what it is told."""

    def __init__(self, jobs: Jobs):
        command = [sys.executable, "-c", SERVER, str(jobs.paths.root)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def submit(self, seconds: float) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


@pytest.mark.slow
def test_two_servers_share_a_worker_and_either_goes_on_alone(jobs: Jobs) -> None:
    first, second = Server(jobs), Server(jobs)
    worker = 0
    try:
        mine = first.submit(0.05)
        until(lambda: progressed(jobs, mine))
        worker = until(lambda: jobs.status("batch").pid)
        assert psutil.Process(worker).ppid() in (first.process.pid, second.process.pid)
        starter, other = (first, second) if psutil.Process(worker).ppid() == first.process.pid else (second, first)
        theirs = other.submit(0.05)
        assert {info.id for info in jobs.list()} == {mine, theirs}
        starter.kill()  # with SIGKILL: nothing is tidied up
        until(lambda: done(jobs, mine))
        until(lambda: progressed(jobs, theirs))
        assert jobs.status("batch").pid == worker, "the worker outlives the server that started it"
        assert states(jobs, mine) == ["queued", "loading", "running", "done"]
        os.kill(worker, signal.SIGKILL)
        until(lambda: done(jobs, theirs))
        again = until(lambda: jobs.status("batch").pid)
        assert psutil.Process(again).ppid() == other.process.pid
        assert again != worker
        worker = again
        assert states(jobs, theirs) == ["queued", "loading", "running", "queued", "loading", "running", "done"]
    finally:
        for server in (first, second):
            if server.process.poll() is None:
                server.kill()
        if psutil.pid_exists(worker):
            os.kill(worker, signal.SIGKILL)


def test_a_killed_worker_is_replaced_and_says_so(jobs: Jobs, supervise: Supervise) -> None:
    supervise()
    drawing = jobs.submit("sleepy", {"steps": 1000, "seconds": 0.05})
    waiting = jobs.submit("sleepy", {"steps": 1})
    until(lambda: progressed(jobs, drawing))
    assert jobs.get(waiting).ahead == 1
    pid = worker_pid(jobs)
    os.kill(pid, signal.SIGKILL)
    until(lambda: done(jobs, drawing, "interrupted"))
    note = jobs.get(drawing).note
    assert "signal 9, SIGKILL" in note
    assert "are kept" in note
    assert list((jobs.paths.run(drawing) / "artifacts").iterdir())
    until(lambda: done(jobs, waiting))
    assert worker_pid(jobs) != pid
    numbers = [event["n"] for event in jobs.tail(drawing)[0]]
    assert numbers == list(range(len(numbers))), "the log goes on where the worker left it"


@pytest.mark.slow
def test_a_run_without_anything_drawn_is_tried_again(jobs: Jobs, supervise: Supervise) -> None:
    supervise()
    run_id = jobs.submit("sleepy", {"steps": 40, "seconds": 0.05, "files": False})
    until(lambda: progressed(jobs, run_id))
    os.kill(worker_pid(jobs), signal.SIGKILL)
    until(lambda: done(jobs, run_id))
    seen = states(jobs, run_id)
    assert seen == ["queued", "loading", "running", "queued", "loading", "running", "done"]


def test_cancel_stops_a_running_job_between_two_steps(jobs: Jobs, supervise: Supervise) -> None:
    supervise()
    run_id = jobs.submit("sleepy", {"steps": 1000, "seconds": 0.05})
    until(lambda: progressed(jobs, run_id))
    jobs.cancel(run_id)
    asked = [event["done"] for event in jobs.tail(run_id)[0] if event["kind"] == "progress"][-1]
    until(lambda: done(jobs, run_id, "cancelled"))
    stopped = [event["done"] for event in jobs.tail(run_id)[0] if event["kind"] == "progress"][-1]
    assert stopped <= asked + 1, "no step was begun after the cancel"


def test_a_job_outlives_the_server_and_is_found_by_the_next(jobs: Jobs, supervise: Supervise) -> None:
    first = supervise()
    run_id = jobs.submit("sleepy", {"steps": 40, "seconds": 0.05})
    until(lambda: progressed(jobs, run_id))
    pid = worker_pid(jobs)
    first.stop()
    supervise(jobs=open_jobs(jobs.paths.root))
    until(lambda: done(jobs, run_id))
    assert worker_pid(jobs) == pid
    assert "interrupted" not in states(jobs, run_id)


def test_a_warm_worker_draws_and_measures(studio: Jobs, supervise: Supervise) -> None:
    supervise(warm=("tiny/teacher", "tiny/student"))
    assert until(lambda: set(studio.status().models) == {"tiny/teacher", "tiny/student"}, 300)
    request = {"prompt": "a red house", "pair": "tiny/student", "seeds": "2", "arms": "student,hybrid-1"}
    run_id = studio.submit("compare", request)
    until(lambda: done(studio, run_id), 300)
    result = studio.result(run_id)
    assert result is not None
    assert [row["measures"]["accuracy"]["n"] for row in result["arms"]] == [2, 2]
    assert studio.status().warm_bytes > 0


def test_a_command_executes_in_its_own_process_when_the_lane_is_free(jobs: Jobs) -> None:
    from studio.cli.inline import Executor

    run_id = jobs.submit("sleepy", {"steps": 2})
    executor = Executor(jobs, run_id, "cpu")
    executor.start()
    assert list(jobs.follow(run_id))[-1]["state"] == "done"
    executor.join()
    assert executor.here
    assert jobs.status().state == "absent"


def test_a_command_leaves_the_device_to_whoever_has_the_lane(jobs: Jobs) -> None:
    from studio.cli.inline import Executor

    lock = FileLock(jobs.paths.lane("interactive", "lock"))
    assert lock.acquire(role="inline")
    assert not FileLock(lock.path).acquire(), "held once, also within a process"
    assert jobs.status().state == "busy"
    run_id = jobs.submit("sleepy", {"steps": 1})
    executor = Executor(jobs, run_id, "cpu")
    executor.start()
    executor.join(0.6)
    assert jobs.get(run_id).state == "queued"
    assert not executor.here
    lock.release()
    assert list(jobs.follow(run_id))[-1]["state"] == "done"
    executor.join()


def test_a_lock_is_let_go_by_a_killed_process(jobs: Jobs) -> None:
    path = jobs.paths.lane("interactive", "lock")
    code = (
        "import time; from pathlib import Path; from studio.jobs.locks import FileLock; "
        f"lock = FileLock(Path({str(path)!r})); assert lock.acquire(role='test'); "
        "print('held', flush=True); time.sleep(600)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    lock = FileLock(path)
    holder = lock.holder()
    assert not lock.acquire()
    assert holder is not None
    assert holder["pid"] == child.pid
    assert alive(holder)
    child.kill()
    child.wait()
    assert alive(holder) is False
    assert lock.acquire()
    lock.release()
    child.stdout.close()


OLD = """
import json, os, signal, sys, time
from studio.jobs.locks import FileLock, identity
from studio.library.stock import open_jobs
jobs = open_jobs(sys.argv[1])
lock = FileLock(jobs.paths.lane("interactive", "lock"))
assert lock.acquire(role="worker")
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # at once: a second signal would end an interpreter that ends
said = {"state": sys.argv[2], "note": "", "run": None, "worker": identity(), "device": "cpu", "models": []}
said |= json.loads(sys.argv[3])
while True:
    jobs.paths.lane("interactive", "json").write_text(json.dumps({**said, "time": time.time()}))
    print("beats", flush=True)
    time.sleep(0.2)
"""


def old_worker(jobs: Jobs, state: str, **said: str) -> subprocess.Popen[str]:
    """A process that holds the lane and says what it is."""
    command = [sys.executable, "-c", OLD, str(jobs.paths.root), state, json.dumps(said)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None and process.stdout.readline() == "beats\n"
    return process


@pytest.mark.parametrize("said", [{}, {"root": str(ROOT), "code": "of last week"}])
def test_an_idle_worker_of_older_code_leaves_for_one_of_this(jobs: Jobs, supervise: Supervise, said: dict[str, str]) -> None:
    old = old_worker(jobs, "ready", **said)
    supervise()
    assert old.wait(30) == 0
    run_id = jobs.submit("sleepy", {})
    until(lambda: done(jobs, run_id))


@pytest.mark.slow
@pytest.mark.parametrize(("state", "said"), [("busy", {}), ("ready", {"root": "/another/checkout", "code": "its own"})])
def test_a_busy_worker_and_one_of_another_checkout_are_left_alone(
    jobs: Jobs, supervise: Supervise, state: str, said: dict[str, str]
) -> None:
    old = old_worker(jobs, state, **said)
    supervise()
    with pytest.raises(subprocess.TimeoutExpired):
        old.wait(2.0)
    old.kill()
    old.wait()


def test_an_idle_worker_leaves_when_its_code_has_changed(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.jobs import worker
    from studio.worker import Workbench

    now = ["as it began"]
    monkeypatch.setattr(worker, "code_digest", lambda: now[0])
    begun = worker.Worker(jobs, "interactive", Workbench(jobs, "interactive", "cpu"), linger_s=600)
    jobs.paths.lane("interactive", "wanted").touch()
    thread = threading.Thread(target=begun.serve)
    thread.start()
    until(lambda: jobs.status().state == "ready")
    assert thread.is_alive()
    now[0] = "updated"
    thread.join(30)
    assert not thread.is_alive()
