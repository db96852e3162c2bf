"""A data folder of its own per test, a kind of job that sleeps, and a tiny pair of real diffusers folders."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.jobs.jobs import Jobs
from studio.jobs.supervisor import Supervisor
from studio.library.stock import open_jobs
from tests.support import sleepy_kind  # noqa: F401 - registers the kind in this process

GRID = [999.0, 749.0, 499.0, 249.0]
PAIR = "tiny/student"
TOY = "tests.support.toy_objective"


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv("STUDIO_KINDS", "tests.support.sleepy_kind")  # for worker processes
    return open_jobs(tmp_path / "data")


@pytest.fixture
def supervise(jobs: Jobs) -> Iterator[Callable[..., Supervisor]]:
    """Start supervisors (servers) on the data folder; their workers are ended with the test."""
    started: list[Supervisor] = []

    def start(**options: Any) -> Supervisor:
        supervisor = Supervisor(options.pop("jobs", jobs), device="cpu", **{"warm": (), **options})
        supervisor.start()
        started.append(supervisor)
        return supervisor

    yield start
    for supervisor in started:
        for lane in supervisor._lanes:
            if lane.process is not None and lane.process.poll() is None:
                lane.process.kill()
        supervisor.stop(workers=True)


def until(condition: Callable[[], Any], seconds: float = 120.0) -> Any:
    """Wait for something another process does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def states(jobs: Jobs, run_id: str) -> list[str]:
    return [event["state"] for event in jobs.tail(run_id)[0] if event["kind"] == "state"]


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """teacher/, student/ (with its recipe) and oracle/, all with random weights."""
    import torch

    from studio.core.recipe import Recipe
    from studio.domains.pocket.oracle import Oracle
    from studio.families import open_model
    from tests.support.tiny_models import sd_pipeline

    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("weights")
    for seed, name in enumerate(("teacher", "student")):
        sd_pipeline(root / f"{name}-parts", seed=seed, prediction="v_prediction").save_pretrained(root / name)
    (root / "teacher" / "card.json").write_text(json.dumps({"default_guidance": 4.0, "title": "Tiny teacher"}))
    teacher = open_model(root / "teacher")
    Recipe(
        teacher="tiny/teacher", teacher_hash=teacher.hash, timesteps=tuple(GRID), rule="lcm", prediction="v",
        valid_steps=(4,), note="random weights",
    ).save(root / "student")  # fmt: skip
    torch.manual_seed(0)
    (root / "oracle").mkdir()
    Oracle(size=16, width=4, features=8, threshold=-1e9).save(root / "oracle")
    return root


def list_models(jobs: Jobs, weights: Path) -> None:
    """Put the tiny pair into a data folder's own model list."""
    common = {"domain": "pocket", "size": 16, "oracle": str(weights / "oracle")}
    teacher = {"id": "tiny/teacher", "title": "Tiny teacher", "role": "teacher", "folder": str(weights / "teacher")}
    student = {"id": PAIR, "title": "Tiny student", "role": "student", "teacher": "tiny/teacher",
               "folder": str(weights / "student")}  # fmt: skip
    for entry in (teacher, student):  # JSON is YAML
        (jobs.paths.models / f"{os.path.basename(entry['id'])}.yaml").write_text(json.dumps({**common, **entry}))


@pytest.fixture
def studio(jobs: Jobs, weights: Path) -> Jobs:
    """Jobs whose registry holds the tiny pair."""
    list_models(jobs, weights)
    return jobs


@pytest.fixture(scope="session")
def objectives_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogue of objectives with the toy among them, made once by a real subprocess."""
    from studio.jobs.paths import open_paths
    from studio.library import method_cards

    before = os.environ.get(method_cards.GROUPS["distill"].variable)
    os.environ[method_cards.GROUPS["distill"].variable] = TOY
    try:
        paths = open_paths(tmp_path_factory.mktemp("objectives"))
        method_cards.objectives(paths)
    finally:
        if before is None:
            del os.environ[method_cards.GROUPS["distill"].variable]
        else:
            os.environ[method_cards.GROUPS["distill"].variable] = before
    return paths.cache / "objectives.json"


@pytest.fixture
def school(jobs: Jobs, objectives_file: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """Jobs with the toy teacher and the toy objective."""
    from tests.support import toy_objective

    monkeypatch.setenv("STUDIO_OBJECTIVES", TOY)
    toy_objective.list_teacher(jobs.paths.models)
    shutil.copy(objectives_file, jobs.paths.cache / "objectives.json")
    return jobs
