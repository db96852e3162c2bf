"""A real Ray cluster of two nodes on this machine: a sweep of four, and one node killed in the middle."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from studio.core.files import read_json
from studio.core.weights import load_checkpoint
from studio.jobs.events import ACTIVE
from studio.jobs.executors.dispatch import Dispatcher
from studio.jobs.jobs import Jobs
from studio.jobs.locks import identity
from studio.jobs.supervisor import Supervisor
from studio.library.stock import open_jobs
from studio.worker import run_job
from tests.support.fixtures import states, until

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed; pip install ray, and these tests run."
)
pytestmark = pytest.mark.usefixtures("school")  # whose data folder knows the objectives already
NANO: dict[str, Any] = {
    "name": "pupil", "teacher": "nano/teacher", "objective": "lcm", "steps": 24, "n_scenes": 16,
    "sample_every": 0, "measure_every": 0, "trainer": {"checkpoint_every": 3},
    "settings": {"batch": 4, "timesteps": [999, 599, 399, 199], "grid": 20},
}  # fmt: skip
SWEEP = {"settings.guidance": [2.0, 4.0], "seed": [0, 1]}
MEMORY = 100 << 20  # of a node's object store; the least that Ray takes is 75 MB


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes with a processor each; the second is `cluster.second`."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("STUDIO_DEVICE", "cpu")
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": MEMORY, "include_dashboard": False}
    )
    cluster.second = cluster.add_node(num_cpus=1, object_store_memory=MEMORY)  # type: ignore[attr-defined]
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    yield cluster
    cluster.shutdown()


def on_node(jobs: Jobs, run_id: str, node: Any) -> bool:
    """Whether the process that executes a run belongs to a node of the cluster."""
    worker = (read_json(jobs.paths.run(run_id) / "env.json") or {}).get("worker") or {}
    raylet = node.all_processes["raylet"][0].process.pid
    try:
        return raylet in (parent.pid for parent in psutil.Process(worker["pid"]).parents())
    except (KeyError, psutil.NoSuchProcess):
        return False


def undisturbed(jobs: Jobs, tmp_path: Path) -> Jobs:
    """Another data folder, for the same runs on this machine and without a fault."""
    here = open_jobs(tmp_path / "undisturbed")
    shutil.copy(jobs.paths.cache / "objectives.json", here.paths.cache)
    return here


def step_of(jobs: Jobs, run_id: str) -> int:
    return int((jobs.progress(run_id) or {"step": 0})["step"])


def same_students(there: Jobs, here: Jobs, names: list[str]) -> None:
    for name in names:
        files = sorted((there.paths.models / "mine" / name).rglob("*.safetensors"))
        assert files
        for path in files:
            assert path.read_bytes() == (here.paths.models / path.relative_to(there.paths.models)).read_bytes(), path


@needs_ray
@pytest.mark.learning
def test_a_sweep_survives_a_lost_node_and_gives_the_weights_of_a_local_run(
    jobs: Jobs, cluster: Any, supervise: Callable[..., Supervisor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = time.monotonic()
    supervise(lanes=("ray",), linger_s=5.0)
    spec = {**NANO, "steps": 40}  # long enough that a process which lost its node does not reach the end before it notices
    ids = jobs.submit_sweep("distill", spec, SWEEP, executor="ray")
    assert [jobs.get(i).executor for i in ids] == ["ray"] * 4
    assert jobs.claim("batch", identity()) is None, "this machine's worker leaves them alone"

    def there_and_saved() -> str | None:
        saved = [i for i in ids if (jobs.paths.run(i) / "checkpoints" / "checkpoint.pt").is_file() and step_of(jobs, i) < 20]
        return next((i for i in saved if on_node(jobs, i, cluster.second)), None)

    struck = until(there_and_saved, 600)
    step = step_of(jobs, struck)
    assert jobs.get(struck).state in ACTIVE
    cluster.remove_node(cluster.second, allow_graceful=False)
    killed = time.monotonic()
    until(lambda: all(jobs.get(i).final for i in ids), 900)
    ended = time.monotonic()
    assert [jobs.get(i).state for i in ids] == ["done"] * 4, [jobs.get(i).note for i in ids]

    said = [e for e in jobs.tail(struck)[0] if e["kind"] == "state"]
    continued = [e["note"] for e in said if e["note"].startswith("Continues from step")]
    assert continued, said
    for i in ids:
        numbers = [e["n"] for e in jobs.tail(i)[0]]
        assert numbers == list(range(len(numbers))), "one process at a time wrote the log"

    here = undisturbed(jobs, tmp_path)
    again = here.submit_sweep("distill", spec, SWEEP)
    for i in again:
        row = here.claim("batch", identity(), i)
        assert row is not None
        assert run_job(here.paths.run(i), owner=identity())[0] == "done"
    names = [jobs.spec(i).config["name"] for i in ids]
    assert names == ["pupil-guidance2-seed0", "pupil-guidance2-seed1", "pupil-guidance4-seed0", "pupil-guidance4-seed1"]
    same_students(jobs, here, names)
    for a, b in zip(ids, again, strict=True):
        modules = [
            load_checkpoint(s.paths.run(i) / "checkpoints" / "checkpoint.pt")["modules"] for s, i in ((jobs, a), (here, b))
        ]
        left, right = (dict(_flat(m)) for m in modules)
        assert left.keys() == right.keys()
        assert all(torch.equal(value, right[name]) for name, value in left.items())
    with capsys.disabled():
        print(f"\nnode killed at step {step} of {struck}; {continued[-1]} all four ended {ended - killed:.0f} s later "
              f"({ended - begun:.0f} s in all), students equal bit for bit")  # fmt: skip


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{name}/{key}")
        else:
            yield f"{name}/{key}", item


@needs_ray
@pytest.mark.learning
def test_requests_reach_runs_that_wait_and_runs_that_go(jobs: Jobs, cluster: Any, supervise: Callable[..., Supervisor]) -> None:
    """Pause, resume, cancel and a dispatcher that is killed, through files alone."""
    supervisor = supervise(lanes=("ray",), linger_s=5.0)
    long = {**NANO, "steps": 2000, "name": "long"}
    going = jobs.submit("distill", long, executor={"name": "ray", "cpus": 1})
    until(lambda: step_of(jobs, going) > 0, 600)
    assert until(lambda: jobs.get(going).state == "running"), "the index knows"
    waiting = [jobs.submit("distill", {**long, "name": f"long-{i}"}, executor="ray") for i in range(2)]
    until(lambda: any("Waiting for a place" in jobs.get(i).note for i in waiting))
    last = next(i for i in waiting if "Waiting for a place" in jobs.get(i).note)
    jobs.cancel(last)
    until(lambda: jobs.get(last).state == "cancelled")
    jobs.pause(going)
    assert jobs.asked(going) == "pause"
    until(lambda: jobs.get(going).state == "paused")
    step = step_of(jobs, going)
    assert f"Paused at step {step:,}" in jobs.get(going).note
    other = next(i for i in waiting if i != last)
    until(lambda: step_of(jobs, other) > 0, 600)
    assert supervisor._lanes[0].process is not None
    supervisor._lanes[0].process.kill()  # the dispatcher: its tasks end with it, and are begun again
    until(lambda: states(jobs, other).count("loading") >= 2 and jobs.get(other).state == "running", 600)
    jobs.stop(other)
    until(lambda: jobs.get(other).state == "stopped")
    jobs.resume(going)
    until(lambda: step_of(jobs, going) > step, 600)
    jobs.cancel(going)
    until(lambda: jobs.get(going).state == "cancelled")
    for i in (going, other):
        numbers = [e["n"] for e in jobs.tail(i)[0]]
        assert numbers == list(range(len(numbers)))


@needs_ray
def test_a_cluster_that_does_not_answer_is_one_sentence_and_the_run_waits(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    run_id = jobs.submit("sleepy", {}, executor="ray")
    dispatcher = Dispatcher(jobs, "ray", retry_s=60)
    assert not dispatcher.attend(run_id)
    info = jobs.get(run_id)
    assert info.state == "queued"
    assert info.note.startswith(f"No Ray cluster answers at {address} (")
    assert "\n" not in info.note
    assert jobs.cancel(run_id).state == "cancelled"


def test_without_ray_the_sentence_says_what_to_install(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="needs Ray, which is not installed here; pip install ray"):
        jobs.submit("sleepy", {}, executor="ray")
    assert jobs.list() == []
    assert not os.listdir(jobs.paths.runs)
