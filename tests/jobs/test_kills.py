"""Twenty random kills over one run: the checkpoint, the curve and the student end bit for bit as if nothing had happened."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio.core.weights import load_weights
from studio.jobs.jobs import Jobs
from studio.library import curves
from tests.capabilities.distill.test_distill import assert_equal, checkpoint, here, of_kind
from tests.support.fixtures import states
from tests.support.toy_objective import request

KILLS = 20
EARLY = 4  # of them: before or while the run is opened, whenever that is
FIELDS = {"steps": 400, "sample_every": 50, "trainer": {"checkpoint_every": 7}, "settings": {"seconds": 0.002}}
ENVIRONMENT = ("STUDIO_KINDS", "STUDIO_OBJECTIVES", "OMP_NUM_THREADS", "HF_HUB_OFFLINE")


def work(data: str, environment: dict[str, str], log: str) -> None:
    """A worker of the batch lane, as the supervisor starts it, in a process of its own."""
    os.environ.update(environment)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    from studio.worker import main

    main(["--lane", "batch", "--data-dir", data, "--device", "cpu", "--linger", "0"])


@pytest.fixture
def start_worker(tmp_path: Path, school: Jobs) -> Callable[[], Any]:
    """Workers from a server that has imported torch already, so that a life begins within milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["studio.worker", "studio.capabilities.distill.work", "studio.methods.distill.lcm"])
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}

    def start() -> Any:
        process = context.Process(target=work, args=(str(school.paths.root), environment, str(tmp_path / "worker.log")))
        process.start()
        return process

    return start


def at(jobs: Jobs, run_id: str) -> int:
    """Steps in the run's own log of metrics."""
    file = jobs.paths.run(run_id) / curves.FILE
    return file.read_bytes().count(b"\n") if file.exists() else 0


def killed(jobs: Jobs, run_id: str, process: Any, moment: Callable[[], bool], late: float) -> tuple[str, int]:
    """SIGKILL `late` seconds after a moment; (what the run said of itself last, its step)."""
    deadline = time.monotonic() + 300
    while not moment() and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(late)
    was = states(jobs, run_id)[-1], at(jobs, run_id)
    assert process.is_alive(), "the worker left by itself"
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    return was


def live_through(jobs: Jobs, run_id: str, start_worker: Callable[[], Any], seed: int) -> list[tuple[str, int]]:
    """Kill the workers of a run twenty times at moments drawn from the seed, then let it end; what it was at each kill."""
    draw = random.Random(seed)
    steps = sorted(draw.randrange(FIELDS["steps"] - 20) for _ in range(KILLS - EARLY))  # type: ignore[operator]
    moments: list[tuple[str, float]] = [("step", float(step)) for step in steps]
    for _ in range(EARLY):
        moments.insert(draw.randrange(len(moments)), ("seconds", draw.uniform(0.0, 0.3)))
    was = []
    for kind, value in moments:
        process, step = start_worker(), value if kind == "step" else -1.0
        late = draw.uniform(0.0, 0.01) if kind == "step" else value
        was.append(killed(jobs, run_id, process, lambda step=step: at(jobs, run_id) > step, late))
        jobs.reconcile("batch")
        if jobs.get(run_id).state == "interrupted":  # too many deaths without a new checkpoint: a person goes on
            jobs.resume(run_id)
    process = start_worker()
    process.join(300)
    assert process.exitcode == 0
    assert jobs.get(run_id).state == "done"
    return was


@pytest.mark.slow
def test_twenty_random_kills_change_nothing(school: Jobs, start_worker: Callable[[], Any], long: bool) -> None:
    straight = school.submit("distill", request(**FIELDS))
    here(school, straight)
    (student,) = (school.paths.models / "mine" / "pupil" / "unet").rglob("*.safetensors")
    whole = [
        (row["step"], row["losses"], row["log"], row["smooth"]) for row in curves.read(school.paths.run(straight) / curves.FILE)
    ]
    for seed in (1, 2) if long else (1,):
        run_id = school.submit("distill", request(**FIELDS, name=f"killed-{seed}"))
        was = live_through(school, run_id, start_worker, seed)
        assert len(was) == KILLS
        assert sum(state == "running" for state, _ in was) >= KILLS // 2, was
        assert len({step for _, step in was}) >= KILLS // 2, was
        assert_equal(checkpoint(school, run_id), checkpoint(school, straight))
        rows = curves.read(school.paths.run(run_id) / curves.FILE)
        assert [(row["step"], row["losses"], row["log"], row["smooth"]) for row in rows] == whole
        (other,) = (school.paths.models / "mine" / f"killed-{seed}" / "unet").rglob("*.safetensors")
        assert_equal(load_weights(other)[0], load_weights(student)[0])
        numbers = [event["n"] for event in school.tail(run_id)[0]]
        assert numbers == list(range(len(numbers))), "every event is whole, none is lost"
        shown = {(s["step"], s["sampling_steps"]) for s in of_kind(school, run_id, "strip") if s["arm"] == "student"}
        assert {step for step, _ in shown} >= set(range(0, 401, 50))
