"""Hugging Face jobs against a stand-in on this machine that really executes them (`hub`); the service itself is not asked."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from studio.core.files import read_json
from studio.jobs.events import EventLog
from studio.jobs.executors import check_executor, hf_parcel
from studio.jobs.executors.hf_exchange import merge_events, run_files
from studio.jobs.jobs import Jobs
from studio.jobs.locks import identity
from studio.jobs.paths import ROOT, open_paths
from studio.jobs.run import read_spec
from studio.jobs.supervisor import Supervisor
from studio.library import subjects, votes
from studio.library.models import load_registry
from studio.library.stock import ModelStock, needed
from studio.worker import run_job
from tests.jobs.test_ray import NANO, same_students, step_of, undisturbed
from tests.support.fake_hub import TOKEN, Hub
from tests.support.fixtures import states, until

pytestmark = pytest.mark.usefixtures("school")  # whose data folder knows the objectives already
REPOSITORY = "ada/studio-runs"
WHERE = {"name": "hf-jobs", "repository": REPOSITORY, "sync_s": 0.5}
Supervise = Callable[..., Supervisor]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The stand-in, as the environment of processes that are started names it."""
    hub = Hub(tmp_path / "hub")
    for name, value in {
        "HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1,localhost",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    yield hub
    hub.close()


def dispatch(jobs: Jobs) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "studio", "jobs", "dispatch", "hf-jobs", "--data-dir", str(jobs.paths.root)],
                          cwd=ROOT, capture_output=True, text=True, timeout=300)  # fmt: skip


@pytest.mark.learning
def test_a_job_brings_back_what_a_local_run_would_have_made(jobs: Jobs, hub: Hub, supervise: Supervise, tmp_path: Path) -> None:
    supervise(lanes=("hf-jobs",), linger_s=5.0)
    run_id = jobs.submit("distill", {**NANO, "sample_every": 12}, executor=WHERE)
    until(lambda: jobs.get(run_id).final, 600)
    assert jobs.get(run_id).state == "done", (jobs.get(run_id).note, [j.home / "output" for j in hub.jobs.values()])
    (job,) = hub.jobs.values()
    assert job.stage in ("RUNNING", "COMPLETED")
    assert job.spec["dockerImage"] == "python:3.11"
    assert job.spec["flavor"] == "cpu-basic"
    assert job.spec["timeoutSeconds"] == 6 * 3600
    assert job.spec["secrets"] == {"HF_TOKEN": TOKEN}
    assert TOKEN not in json.dumps({**job.spec, "secrets": None})
    assert all(TOKEN.encode() not in data for data in hub.repositories[REPOSITORY].tree("main").values())
    assert hub.repositories[REPOSITORY].private

    assert states(jobs, run_id)[0] == "queued"
    assert {"loading", "running", "done"} <= set(states(jobs, run_id))
    events = jobs.tail(run_id)[0]
    assert [e["n"] for e in events] == list(range(len(events)))
    strips = [e for e in events if e["kind"] == "strip"]
    assert {s["step"] for s in strips} == {0, 12, 24}
    assert all(jobs.artifact(run_id, s["strip"]).is_file() for s in strips)
    assert (jobs.paths.run(run_id) / "metrics.jsonl").read_text().count("\n") == NANO["steps"]
    assert not (jobs.paths.run(run_id) / "executor.json").exists()
    entry = load_registry(jobs.paths).get("mine/pupil")
    assert entry.available
    assert entry.oracle is not None
    assert entry.oracle.is_relative_to(ROOT), "the oracle is this machine's"

    here = undisturbed(jobs, tmp_path)
    again = here.submit("distill", {**NANO, "sample_every": 12})
    assert here.claim("batch", identity(), again)
    assert run_job(here.paths.run(again), owner=identity())[0] == "done"
    same_students(jobs, here, ["pupil"])


@pytest.mark.learning
def test_requests_travel_and_a_killed_dispatcher_finds_the_job_again(jobs: Jobs, hub: Hub, supervise: Supervise) -> None:
    hub.machines = False
    supervisor = supervise(lanes=("hf-jobs",), linger_s=5.0)
    run_id = jobs.submit("distill", {**NANO, "steps": 5000, "trainer": {"checkpoint_every": 5}}, executor=WHERE)
    until(lambda: "Waiting for a machine at Hugging Face (cpu-basic)" in jobs.get(run_id).note)
    hub.machines = True
    until(lambda: step_of(jobs, run_id) > 10, 600)
    assert jobs.get(run_id).state == "running"
    assert supervisor._lanes[0].process is not None
    supervisor._lanes[0].process.kill()
    until(lambda: states(jobs, run_id)[-1] == "queued" or states(jobs, run_id).count("queued") == 2)
    step = step_of(jobs, run_id)
    until(lambda: step_of(jobs, run_id) > step and jobs.get(run_id).state in ("loading", "running"), 120)
    assert len(hub.jobs) == 1, "the job went on meanwhile"
    jobs.stop(run_id)
    until(lambda: jobs.get(run_id).final, 120)
    assert jobs.get(run_id).state == "stopped"
    stopped = step_of(jobs, run_id)
    assert f"Stopped at step {stopped:,}" in jobs.get(run_id).note
    assert (jobs.paths.run(run_id) / "checkpoints" / "checkpoint.pt").is_file()

    jobs.resume(run_id)
    until(lambda: step_of(jobs, run_id) > stopped, 600)
    assert len(hub.jobs) == 2
    said = [e["note"] for e in jobs.tail(run_id)[0] if e["kind"] == "state"]
    assert f"Continues from step {stopped:,}." in said
    jobs.save_now(run_id)
    until(lambda: any(e["kind"] == "saved" for e in jobs.tail(run_id)[0]), 120)
    jobs.cancel(run_id)
    until(lambda: jobs.get(run_id).state == "cancelled")
    assert [job.stage for job in hub.jobs.values()] == ["COMPLETED", "CANCELED"]
    events = jobs.tail(run_id)[0]
    assert [e["n"] for e in events] == list(range(len(events)))
    steps = [e["step"] for e in events if e["kind"] == "progress"]
    assert steps == sorted(set(steps)), "every event once, in order"


def test_a_job_that_breaks_is_interrupted_and_its_output_kept(jobs: Jobs, hub: Hub) -> None:
    run_id = jobs.submit("distill", NANO, executor={**WHERE, "image": "python:3.11"})

    def no_machine(job: Any) -> None:
        job.spec["command"] = ["python", "-c", "print('out of memory'); raise SystemExit(137)"]

    from tests.support.fake_hub import Job

    real = Job.start
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Job, "start", lambda job: (no_machine(job), real(job)))
        done = dispatch(jobs)
    assert done.returncode == 0, done.stderr
    info = jobs.get(run_id)
    assert info.state == "interrupted"
    assert info.note == "The Hugging Face job ended (error: Job failed with exit code: 1); it had saved nothing yet."
    assert "out of memory" in jobs.log_tail(run_id)
    assert jobs.resumable(run_id)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "state", "words"),
    [
        ({"HF_TOKEN": None}, "failed", "needs a token that may write; `hf auth login` keeps one"),
        ({"HF_TOKEN": "hf_wrong"}, "failed", "Hugging Face refuses the repository ada/studio-runs (status 401"),
        ({"HF_HUB_OFFLINE": "1"}, "failed", "HF_HUB_OFFLINE is set"),
    ],
)
def test_what_is_missing_is_one_sentence_and_nothing_is_lost(
    jobs: Jobs, hub: Hub, monkeypatch: pytest.MonkeyPatch, change: dict[str, str | None], state: str, words: str
) -> None:
    for name, value in change.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    run_id = jobs.submit("distill", NANO, executor=WHERE)
    dispatch(jobs)
    info = jobs.get(run_id)
    assert info.state == state
    assert words in info.note
    assert "\n" not in info.note
    assert not hub.jobs
    assert jobs.resume(run_id).state == "queued"


def test_a_public_repository_is_refused(jobs: Jobs, hub: Hub) -> None:
    from tests.support.fake_hub import Repository

    hub.repositories[REPOSITORY] = Repository(private=False)
    run_id = jobs.submit("distill", NANO, executor=WHERE)
    dispatch(jobs)
    assert jobs.get(run_id).note == "The repository ada/studio-runs is public; a run travels through a private one only."


def test_options_are_checked_when_a_run_is_submitted(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STUDIO_HF_REPOSITORY", raising=False)
    for executor, words in (
        ("hf-jobs", "needs a private repository"),
        ({"name": "hf-jobs", "repository": "../x"}, "owner/name fits"),
        ({"name": "hf-jobs", "repository": "a/b", "timeout": "soon"}, "timeout"),
        ({"name": "hf-jobs", "repository": "a/b", "flavour": "t4-small"}, "Did you mean 'flavor'?"),
        ({"name": "local", "cpus": 2}, "local has no options"),
        ("slurm", "Executors are local, ray, hf-jobs"),
        (7, "not 7"),
    ):
        with pytest.raises(ValueError, match=words.replace("?", r"\?")) as error:
            jobs.submit("distill", NANO, executor=executor)  # type: ignore[arg-type]
        assert "\n" not in str(error.value)
    assert jobs.list() == []
    monkeypatch.setenv("STUDIO_HF_REPOSITORY", "ada/runs")
    assert check_executor("hf-jobs")["repository"] == "ada/runs"
    assert check_executor("local") == check_executor(None) == {}


def test_parcels_hold_what_a_run_needs_and_are_named_by_it(jobs: Jobs, tmp_path: Path) -> None:
    run_id = jobs.submit("distill", NANO)
    spec = read_spec(jobs.paths.run(run_id))
    name, raw = hf_parcel.models(spec, ModelStock(), jobs.paths)
    assert (name, raw) == hf_parcel.models(spec, ModelStock(), jobs.paths)
    for parcel in (raw, hf_parcel.program()[1]):
        (tmp_path / "parcel.tar.gz").write_bytes(parcel)
        with tarfile.open(tmp_path / "parcel.tar.gz") as tar:
            tar.extractall(tmp_path / "far", filter="data")
    assert sorted(p.name for p in (tmp_path / "far").iterdir()) == ["data", "program"]
    assert not (tmp_path / "far" / "program" / "presets" / "models").exists()
    code = (
        "from pathlib import Path; from studio.jobs.paths import open_paths\n"
        "from studio.library.models import load_registry\n"
        "e = load_registry(open_paths(Path('..') / 'data')).get('nano/teacher')\n"
        "print(e.available, e.oracle.is_dir(), e.folder.parent.name, e.guidance)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "far" / "program", capture_output=True, text=True)
    here = load_registry(jobs.paths).get("nano/teacher")
    assert done.stdout == f"True True models {here.guidance}\n", done.stderr
    assert [e.id for e in needed({"pair": "nano/dmd2", "arms": ["teacher"]}, load_registry(jobs.paths))] == [
        "nano/dmd2",
        "nano/teacher",
    ]


def test_a_persons_own_pictures_and_votes_travel_with_a_run(jobs: Jobs, tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), "red").save(picture := tmp_path / "1.png")
    subjects.keep(jobs.paths, "cat", [("1.png", picture.read_bytes())], "Cat", "thing", "cat", "<cat>", "pocket", {}, True)
    about = {"model": "nano/lcm", "domain": "pocket",
             "plan": {"name": "student", "segments": [{"model": "nano/lcm", "rule": "lcm", "timesteps": [999]}]}}  # fmt: skip
    given = votes.Vote(prompt="a house", seeds=(1, 2), choice="left")
    votes.add(jobs.paths, "mine", votes.VoteSet.model_validate(about), [given])
    (jobs.paths.root / "uploads" / "smile" / "low").mkdir(parents=True)
    (jobs.paths.root / "uploads" / "smile" / "low" / "1.png").write_bytes(picture.read_bytes())

    far = open_paths(tmp_path / "far")
    for config in ({"subject": "mine/cat"}, {"base": "nano/dmd2", "votes": "mine"}, {"pairs": "smile"}):
        for name, data in ModelStock().parcel(config, jobs.paths):
            (far.root / name).parent.mkdir(parents=True, exist_ok=True)
            (far.root / name).write_bytes(data)
    assert subjects.subject(far, "mine/cat").digest == subjects.subject(jobs.paths, "mine/cat").digest
    assert votes.votes(far, "mine").votes == (given,)
    assert (far.root / "uploads" / "smile" / "low" / "1.png").is_file()
    assert {path.stem for path in far.models.glob("*.yaml")} == {"nano--dmd2", "nano--teacher", "nano--lcm"}, (
        "and what was voted on"
    )
    assert list(ModelStock().parcel({"subject": "pocket/ink"}, jobs.paths)) == [], "shipped ones are with the program"
    assert any(name.startswith("program/assets/subjects/pocket/ink/") for name in names_in(hf_parcel.program()[1]))


def names_in(parcel: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(parcel)) as tar:
        return tar.getnames()


@pytest.mark.parametrize(
    ("config", "words"),
    [({"subject": "mine/gone"}, "There is no subject 'mine/gone'"), ({"votes": "gone"}, "There are no votes called 'gone'"),
     ({"pairs": ".."}, "is no folder of pictures here")],
)  # fmt: skip
def test_what_is_gone_is_said_before_a_run_begins_elsewhere(jobs: Jobs, config: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        list(ModelStock().parcel(config, jobs.paths))


def test_an_adapter_that_was_made_elsewhere_is_listed_here(jobs: Jobs, tmp_path: Path) -> None:
    far, run = open_paths(tmp_path / "far"), jobs.paths.run(jobs.submit("sleepy", {}))
    for home, owner in ((far, run.name), (jobs.paths, "another")):
        folder = home.root / "adapters" / "mine" / "cat"
        folder.mkdir(parents=True)
        (folder / "card.json").write_text(json.dumps({"run": owner}))
    (run / "result.json").write_text(json.dumps({"adapter": "mine/cat", "word": "<cat>"}))
    made = ModelStock().made(far)
    assert list(made) == ["adapters/mine/cat/card.json"]
    for name, path in made.items():
        (tmp_path / "made" / name).parent.mkdir(parents=True)
        shutil.copy(path, tmp_path / "made" / name)
    assert ModelStock().install(jobs.paths, run, tmp_path / "made") == {"mine/cat": "mine/cat-2"}
    assert read_json(run / "result.json") == {"adapter": "mine/cat-2", "word": "<cat>"}
    assert read_json(jobs.paths.root / "adapters" / "mine" / "cat-2" / "card.json") == {"run": run.name}


def test_what_a_job_said_is_taken_once_and_numbered_on(tmp_path: Path) -> None:
    log, far = tmp_path / "events.jsonl", tmp_path / "far.jsonl"
    with EventLog(log) as mine:
        mine.write("state", state="queued", note="")
    far.write_bytes(log.read_bytes())
    with EventLog(far) as theirs:
        theirs.write("progress", done=1, total=2)
        raw = far.read_bytes()
        assert merge_events(log, raw + b'{"n": 2, "ti', 1, {}) == 1, "a line that is not whole yet is left"
        assert merge_events(log, raw, 1, {}) == 0
        with EventLog(log) as mine:
            mine.write("state", state="queued", note="The dispatcher stopped.")
        theirs.write("student", id="mine/a")
    assert merge_events(log, far.read_bytes(), 1, {"mine/a": "mine/a-2"}) == 1
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [e["n"] for e in events] == [0, 1, 2, 3]
    assert events[-1] | {"time": 0} == {"n": 3, "there": 2, "kind": "student", "id": "mine/a-2", "time": 0}


def test_what_stays_here_is_not_sent(jobs: Jobs) -> None:
    folder = jobs.paths.run(jobs.submit("sleepy", {}))
    for name in ("cancel", "lock", "executor.json", ".half.tmp", "queue.json"):
        (folder / name).write_text("{}")
    (folder / "metrics.jsonl").write_bytes(b'{"step":1}\n{"st')
    (folder / "artifacts" / "a.jpg").write_bytes(b"x")
    noted: dict[str, tuple[int, int]] = {}
    found = run_files(folder, noted)
    assert sorted(found) == ["artifacts/a.jpg", "events.jsonl", "metrics.jsonl", "spec.json"]
    assert found["metrics.jsonl"] == b'{"step":1}\n'
    assert list(found).index("events.jsonl") < list(found).index("artifacts/a.jpg")
    assert run_files(folder, noted) == {}
    os.utime(folder / "artifacts" / "a.jpg", ns=(1, 1))
    assert list(run_files(folder, noted)) == ["artifacts/a.jpg"]
