"""The dispatcher with an engine of real processes on this machine, and what a task does wherever it is executed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from studio.core.files import read_json
from studio.jobs.events import EventLog
from studio.jobs.executors.dispatch import Dispatcher
from studio.jobs.executors.engine import Look, Refused, Unreachable
from studio.jobs.jobs import Jobs
from studio.jobs.locks import FileLock, held, identity, wait_free
from studio.jobs.paths import ROOT
from studio.jobs.recovery import MAX_DEATHS
from studio.worker import run_job, task
from tests.capabilities.distill.test_distill import assert_equal, checkpoint, step_of
from tests.support.fixtures import states, until
from tests.support.toy_objective import request


class Processes:
    """An engine: a process a run. `answers` and `problem` say how it is to be reached."""

    code = "from studio.worker import task; task({})"
    title = "The test engine"
    poll_s = 0.05

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.places = 100
        self.tasks: dict[str, subprocess.Popen[bytes]] = {}
        self.waiting: dict[str, Path] = {}
        self.asked: list[str] = []

    def open(self) -> None:
        if isinstance(self.problem, Unreachable):
            raise self.problem

    def start(self, folder: Path, executor: Mapping[str, Any]) -> dict[str, Any]:
        if self.problem is not None:
            raise self.problem
        handle = uuid.uuid4().hex
        self.waiting[handle] = folder
        return {"handle": handle}

    def knows(self, handle: Mapping[str, Any]) -> bool:
        return handle["handle"] in self.tasks or handle["handle"] in self.waiting

    def look(self, folder: Path, handle: Mapping[str, Any]) -> Look:
        name = handle["handle"]
        if isinstance(self.problem, Unreachable):
            raise self.problem
        if name in self.waiting and len(self.tasks) < self.places:
            code = self.code.format(repr(str(self.waiting.pop(name))))
            self.tasks[name] = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
        if name in self.waiting:
            return Look(note="Waiting for a place.")
        if name not in self.tasks:
            return Look(ended=True)
        return Look(ended=self.tasks[name].poll() is not None, note="The task was lost")

    def ask(self, folder: Path, handle: Mapping[str, Any], request: str, begun: bool) -> None:
        self.asked.append(request)
        if not begun:
            self.waiting.pop(handle["handle"], None)

    def let_go(self, handle: Mapping[str, Any]) -> None:
        self.tasks.pop(handle["handle"], None)


Serve = Callable[..., Dispatcher]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Processes:
    monkeypatch.setattr("studio.jobs.executors.check_package", lambda name: None)
    monkeypatch.setenv("STUDIO_DEVICE", "cpu")
    return Processes()


@pytest.fixture
def serve(jobs: Jobs, engine: Processes) -> Iterator[Serve]:
    """Start a dispatcher in a thread."""
    started: list[tuple[Dispatcher, threading.Thread]] = []

    def start(jobs: Jobs = jobs) -> Dispatcher:
        dispatcher = Dispatcher(jobs, "ray", engine, retry_s=0.2)
        thread = threading.Thread(target=dispatcher.serve, args=(60.0,), daemon=True)
        thread.start()
        started.append((dispatcher, thread))
        return dispatcher

    yield start
    for dispatcher, thread in started:
        dispatcher.stop()
        thread.join()
    for process in engine.tasks.values():
        process.kill()
        process.wait()


def ends(jobs: Jobs, run_id: str) -> str:
    until(lambda: jobs.get(run_id).final or jobs.get(run_id).state == "paused")
    return jobs.get(run_id).state


def test_runs_go_to_the_engine_all_at_once_and_the_index_follows(jobs: Jobs, engine: Processes, serve: Serve) -> None:
    ids = [jobs.submit("sleepy", {"steps": 40, "seconds": 0.05}, executor="ray") for _ in range(3)]
    serve()
    until(lambda: all(jobs.get(i).state == "running" for i in ids))
    assert jobs.status("ray").state == "busy"
    assert jobs.status("ray").note == "3 runs elsewhere."
    assert len(engine.tasks) == 3
    assert [ends(jobs, i) for i in ids] == ["done"] * 3
    assert all(states(jobs, i) == ["queued", "loading", "running", "done"] for i in ids)
    assert all(jobs.result(i) == {"slept": 40} for i in ids)
    assert not any((jobs.paths.run(i) / "executor.json").exists() for i in ids)


def test_a_run_that_waits_there_says_so_and_is_cancelled_there(jobs: Jobs, engine: Processes, serve: Serve) -> None:
    engine.places = 0
    run_id = jobs.submit("sleepy", {}, executor="ray")
    serve()
    until(lambda: jobs.get(run_id).note == "Waiting for a place.")
    assert jobs.get(run_id).state == "loading"
    jobs.cancel(run_id)
    assert ends(jobs, run_id) == "cancelled"
    assert (engine.asked, engine.tasks) == (["cancel"], {})
    assert states(jobs, run_id) == ["queued", "cancelled"]


@pytest.mark.slow
def test_an_engine_that_does_not_answer_leaves_runs_queued_and_is_asked_again(
    jobs: Jobs, engine: Processes, serve: Serve
) -> None:
    engine.problem = Unreachable("Nobody is there.")
    run_id = jobs.submit("sleepy", {"steps": 40, "seconds": 0.05}, executor="ray")
    serve()
    until(lambda: jobs.get(run_id).note == "Nobody is there.")
    assert jobs.get(run_id).state == "queued"
    assert jobs.status("ray").note == "Nobody is there."
    engine.problem = None
    until(lambda: jobs.get(run_id).state == "running")
    engine.problem = Unreachable("Nobody is there for a moment.")  # the run goes on there all the same
    until(lambda: (jobs.result(run_id) or {}) == {"slept": 40})
    engine.problem = None
    assert ends(jobs, run_id) == "done"


def test_an_engine_that_refuses_fails_the_run_in_its_sentence(jobs: Jobs, engine: Processes, serve: Serve) -> None:
    engine.problem = Refused("There is no such machine.")
    run_id = jobs.submit("sleepy", {}, executor="ray")
    serve()
    assert ends(jobs, run_id) == "failed"
    assert jobs.get(run_id).note == "There is no such machine."
    assert states(jobs, run_id) == ["queued", "failed"]


@pytest.mark.slow
def test_a_lost_task_is_begun_again_from_its_checkpoint_and_changes_nothing(
    school: Jobs, engine: Processes, serve: Serve
) -> None:
    fields = {"steps": 80, "sample_every": 20, "trainer": {"checkpoint_every": 4}, "settings": {"seconds": 0.02}}
    straight = school.submit("distill", request(**fields))
    assert school.claim("batch", identity(), straight)
    assert run_job(school.paths.run(straight), owner=identity())[0] == "done"
    run_id = school.submit("distill", request(**fields, name="lost"), executor="ray")
    serve(school)
    for _ in range(2):
        before = step_of(school, run_id)
        until(lambda before=before: step_of(school, run_id) > before + 5)
        worker = (read_json(school.paths.run(run_id) / "env.json") or {})["worker"]
        os.kill(worker["pid"], signal.SIGKILL)
    assert ends(school, run_id) == "done"
    said = [e["note"] for e in school.tail(run_id)[0] if e["kind"] == "state"]
    assert sum("The task was lost; this run is queued again" in note for note in said) == 2
    assert sum(note.startswith("Continues from step") for note in said) == 2
    assert_equal(checkpoint(school, run_id), checkpoint(school, straight))
    numbers = [e["n"] for e in school.tail(run_id)[0]]
    assert numbers == list(range(len(numbers)))


@pytest.mark.slow
def test_a_run_that_is_lost_again_and_again_is_interrupted(school: Jobs, engine: Processes, serve: Serve) -> None:
    run_id = school.submit("distill", request(), executor="ray")
    real = engine.look

    def look(folder: Path, handle: Mapping[str, Any]) -> Look:
        engine.waiting.pop(handle["handle"], None)
        return Look(ended=True, note="The node went away")

    engine.look = look  # type: ignore[method-assign]
    serve(school)
    assert ends(school, run_id) == "interrupted"
    assert f"The node went away, for the {MAX_DEATHS}th time without getting ahead" in school.get(run_id).note
    engine.look = real  # type: ignore[method-assign]
    school.resume(run_id)
    assert ends(school, run_id) == "done"


@pytest.mark.slow
def test_pause_stop_and_resume_work_through_files(school: Jobs, engine: Processes, serve: Serve) -> None:
    run_id = school.submit("distill", request(steps=400, settings={"seconds": 0.02}), executor="ray")
    serve(school)
    for ask, state in ((school.pause, "paused"), (school.stop, "stopped")):
        before = step_of(school, run_id)
        until(lambda before=before: step_of(school, run_id) > before)
        ask(run_id)
        assert ends(school, run_id) == state
        assert school.resume(run_id).state == "queued"
    before = step_of(school, run_id)
    until(lambda: step_of(school, run_id) > before)
    school.discard(run_id)
    until(lambda: not school.paths.run(run_id).exists())


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
def test_the_next_dispatcher_finds_what_the_engine_has(jobs: Jobs, engine: Processes, serve: Serve, shared: bool) -> None:
    if not shared:  # as where only copies of the run directory travel: nothing here is locked
        engine.code = "from pathlib import Path; from studio.worker import run_job, task; run_job(Path({}))"
    run_id = jobs.submit("sleepy", {"steps": 100, "seconds": 0.05}, executor="ray")
    first = serve()
    until(lambda: jobs.get(run_id).state == "running")
    first.stop()
    row = jobs.store.get(run_id)
    assert row is not None
    gone = {**identity(), "started": 0.0}
    assert jobs.store.adopt(row, gone), "as if it had been a process of its own that was killed"
    second = serve()
    if not shared:
        until(lambda: (found := jobs.store.get(run_id)) and found.state == "running" and found.owner == second.me)
    assert ends(jobs, run_id) == "done"
    assert states(jobs, run_id).count("loading") == 1, "it was not begun again"
    assert states(jobs, run_id).count("queued") == (1 if shared else 2), "nobody writes beside a task that holds the run"


# -- the task ------------------------------------------------------------------------------------------------------------


def test_a_node_that_does_not_see_the_folder_says_so(tmp_path: Path) -> None:
    state, note = task(str(tmp_path / "runs" / "x"))
    assert state == "failed"
    assert "must be on a file system all nodes share" in note


def test_a_task_waits_until_the_one_before_it_has_gone(jobs: Jobs) -> None:
    folder = jobs.paths.run(jobs.submit("sleepy", {"steps": 2}))
    before = FileLock(folder / "lock")
    assert before.acquire(role="task")
    assert held(folder)
    assert not wait_free(folder, 0.2)
    with pytest.raises(RuntimeError, match="Another process still has"):
        task(str(folder), patience_s=0.2)
    threading.Timer(0.3, before.release).start()
    assert task(str(folder), patience_s=30) == ("done", "")
    assert not held(folder)
    assert wait_free(folder, 0)
    assert task(str(folder)) == ("done", ""), "what has ended is not run again"
    assert json.loads((folder / "env.json").read_text())["worker"]["pid"] == os.getpid()
    assert not list((jobs.paths.lanes).glob("device-*")), "a cluster's devices are not this folder's"


def test_a_task_that_cannot_begin_says_why_in_the_log(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = jobs.paths.run(jobs.submit("sleepy", {}))
    monkeypatch.setenv("STUDIO_DEVICE", "cuda:77")
    state, note = task(str(folder))
    assert state == "failed"
    assert re.search("There is no cuda", note)
    with EventLog(folder / "events.jsonl") as log:
        assert log.write("x")["n"] == 2
