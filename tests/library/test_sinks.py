"""Curves of a run as the real TensorBoard and Trackio read them."""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from studio.jobs.jobs import Jobs
from studio.jobs.paths import ROOT
from studio.library import curves
from tests.capabilities.distill.test_distill import here, step_of
from tests.support.fixtures import until
from tests.support.toy_objective import request

PACKAGES = {"tensorboard": "TensorBoard", "trackio": "Trackio"}


def needs(package: str) -> pytest.MarkDecorator:
    title = PACKAGES[package]
    return pytest.mark.skipif(
        importlib.util.find_spec(package) is None, reason=f"{title} is not installed; pip install {package}, and this test runs."
    )


def rows(jobs: Jobs, run_id: str) -> dict[str, dict[int, float]]:
    """What the run's own file says, by curve and step."""
    found: dict[str, dict[int, float]] = {}
    for row in curves.read(jobs.paths.run(run_id) / curves.FILE):
        for name, value in [*((f"loss/{k}", v) for k, v in row["losses"].items()), *row["log"].items()]:
            if value is not None:
                found.setdefault(name, {})[row["step"]] = value
    return found


def assert_same(read: dict[str, dict[int, float]], own: dict[str, dict[int, float]]) -> None:
    """Own figures have six digits; TensorBoard's are single precision."""
    assert set(own) <= set(read)
    for name, values in own.items():
        assert sorted(read[name]) == sorted(values), name
        assert all(math.isclose(read[name][step], value, rel_tol=1e-5, abs_tol=1e-9) for step, value in values.items()), name


def broken_off(jobs: Jobs, sink: str) -> str:
    """A run that was killed after some steps that its checkpoint does not hold, and continued."""
    fields = {"steps": 40, "sample_every": 0, "trainer": {"checkpoint_every": 15}, "settings": {"seconds": 0.01}}
    run_id = jobs.submit("distill", request(**fields, sinks=[sink], name="broken-off"))
    folder = jobs.paths.run(run_id)
    kept = folder / "kept.pt"

    def interrupt() -> None:
        until(lambda: step_of(jobs, run_id) > 16)
        (folder / "checkpoints" / "checkpoint.pt").replace(kept)  # as it was at step 15
        jobs.pause(run_id)

    asker = threading.Thread(target=interrupt)
    asker.start()
    assert here(jobs, run_id)[0] == "paused"
    asker.join()
    kept.replace(folder / "checkpoints" / "checkpoint.pt")
    jobs.resume(run_id)
    assert here(jobs, run_id)[0] == "done"
    said = [e["note"] for e in jobs.tail(run_id)[0] if e["kind"] == "state"]
    assert "Continues from step 15." in said
    return run_id


def tensorboard(folder: Path) -> dict[str, dict[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    reader.Reload()
    found: dict[str, dict[int, float]] = {}
    for name in reader.Tags()["scalars"]:
        steps = [event.step for event in reader.Scalars(name)]
        assert len(steps) == len(set(steps)), f"{name} has steps twice: {steps}"
        found[name] = {event.step: event.value for event in reader.Scalars(name)}
    return found


@needs("tensorboard")
def test_tensorboard_reads_the_run_s_own_figures(school: Jobs) -> None:
    run_id = school.submit("distill", request(steps=30, sample_every=0, sinks=["tensorboard"]))
    assert here(school, run_id) == ("done", "")
    result = school.result(run_id)
    assert result is not None
    assert (result["sink_failures"], result["notices"]) == ({}, [])
    own = rows(school, run_id)
    assert len(own["loss/student"]) == 30
    assert_same(tensorboard(school.paths.run(run_id)), own)


@needs("tensorboard")
def test_tensorboard_has_every_step_once_where_a_run_was_continued(school: Jobs) -> None:
    run_id = broken_off(school, "tensorboard")
    assert_same(tensorboard(school.paths.run(run_id)), rows(school, run_id))


@needs("tensorboard")
def test_a_folder_that_tensorboard_cannot_use_is_said_and_stops_nothing(school: Jobs) -> None:
    run_id = school.submit("distill", request(steps=10, sample_every=0, sinks=["tensorboard"]))
    (school.paths.run(run_id) / "tensorboard").write_text("in the way")
    assert here(school, run_id) == ("done", "")
    result = school.result(run_id)
    assert result is not None
    assert len(curves.read(school.paths.run(run_id) / curves.FILE)) == 10
    assert result["notices"] or result["sink_failures"], "it is said or counted"


READ = """
import json, sys, trackio
found = {}
for run in trackio.Api().runs("distillation-studio"):
    from trackio.sqlite_storage import SQLiteStorage
    logs = SQLiteStorage.get_logs("distillation-studio", run.name, run_id=run.id)
    found.setdefault(run.name, []).append(logs)
print(json.dumps(found), file=sys.stderr)
"""


@pytest.fixture
def trackio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Trackio's folder for this test, which it reads once a process; gives {run: [its logs, one list a run of that name]}."""
    import json

    import trackio.fragments
    import trackio.sqlite_storage
    import trackio.utils

    folder = tmp_path / "trackio"
    monkeypatch.setenv("TRACKIO_DIR", str(folder))
    for module in (trackio, trackio.utils, trackio.sqlite_storage, trackio.fragments):
        if hasattr(module, "TRACKIO_DIR"):
            monkeypatch.setattr(module, "TRACKIO_DIR", folder)

    def read() -> dict[str, list[list[dict[str, Any]]]]:
        done = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        found: dict[str, list[list[dict[str, Any]]]] = json.loads(done.stderr.splitlines()[-1])
        return found

    return read


def curve(logs: list[dict[str, Any]]) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for entry in logs:
        for name, value in entry.items():
            if name not in ("step", "timestamp") and isinstance(value, (int, float)):
                found.setdefault(name, {})[entry["step"]] = value
    return found


@needs("trackio")
def test_trackio_reads_the_run_s_own_figures_without_a_network(school: Jobs, trackio: Any) -> None:
    run_id = school.submit("distill", request(steps=30, sample_every=0, sinks=["trackio"]))
    assert here(school, run_id) == ("done", "")
    result = school.result(run_id)
    assert result is not None
    assert (result["sink_failures"], result["notices"]) == ({}, [])
    (runs,) = trackio().values()
    (logs,) = runs
    assert len(logs) == 30
    assert_same(curve(logs), rows(school, run_id))


@needs("trackio")
def test_trackio_shows_a_continued_run_as_one(school: Jobs, trackio: Any) -> None:
    run_id = broken_off(school, "trackio")
    other = school.submit("distill", request(steps=5, sample_every=0, sinks=["trackio"], name="another"))
    assert here(school, other)[0] == "done"
    found = trackio()
    assert sorted(found) == [f"another-{other[-6:]}", f"broken-off-{run_id[-6:]}"]
    (logs,) = found[f"broken-off-{run_id[-6:]}"]
    steps = [entry["step"] for entry in logs]
    assert sorted(set(steps)) == list(range(1, 41))
    assert len(steps) == len(set(steps)), steps
    assert_same(curve(logs), rows(school, run_id))
