"""A run by two processes from the command line: only the first speaks, and it can be stopped and continued by one alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from studio.capabilities.distill import processes
from studio.jobs.jobs import Jobs
from studio.jobs.paths import ROOT
from studio.library.models import load_registry
from tests.capabilities.distill.test_distill import checkpoint, flat, here, of_kind, step_of
from tests.core.test_parallel import TOLERANCE
from tests.support.fixtures import states, until
from tests.support.serving import free_port
from tests.support.toy_objective import request


def launch(jobs: Jobs, spec: Path | str, processes: int = 2) -> subprocess.Popen[str]:
    """`accelerate launch --multi_gpu --num_processes 2 -m studio jobs run SPEC`, on CPUs."""
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", str(processes),
               "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no",
               "--main_process_port", str(free_port()), "-m", "studio", "jobs", "run", str(spec), "--device", "cpu"]  # fmt: skip
    env = {**os.environ, "ACCELERATE_USE_CPU": "true", "STUDIO_DATA_DIR": str(jobs.paths.root), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def spec_file(folder: Path, **fields: object) -> Path:
    path = folder / "spec.yaml"
    path.write_text(json.dumps({"kind": "distill", **request(**fields)}))  # JSON is YAML
    return path


@pytest.mark.learning
def test_two_processes_train_stop_and_are_continued_by_one(school: Jobs, tmp_path: Path) -> None:
    fields = {"steps": 300, "sample_every": 100, "settings": {"seconds": 0.01}}
    straight = school.submit("distill", request(**fields))
    process = launch(school, spec_file(tmp_path, name="pair", **fields))
    try:
        run_id = until(lambda: next((i.id for i in school.list() if i.id != straight), None), 300)
        until(lambda: step_of(school, run_id) > 5 or process.poll() is not None, 300)
        school.stop(run_id)
        said, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert states(school, run_id)[-1] == "stopped", said
    assert process.returncode != 0, "a run that is not done is not a success"
    at = checkpoint(school, run_id)["step"]
    assert 5 < at < 300
    numbers = [event["n"] for event in school.tail(run_id)[0]]
    assert numbers == list(range(len(numbers))), "one process writes events"
    assert len(of_kind(school, run_id, "strip")) == 3, "the first strips once, of the teacher and at two step counts"
    here(school, straight)
    school.resume(run_id)
    assert here(school, run_id) == ("done", "")
    ours, theirs = flat(checkpoint(school, run_id)["modules"]), flat(checkpoint(school, straight)["modules"])
    apart = max(float((ours[name] - value).abs().max()) for name, value in theirs.items())
    assert apart <= TOLERANCE
    assert all(
        torch.equal(v, checkpoint(school, straight)["streams"][k]) for k, v in checkpoint(school, run_id)["streams"].items()
    )
    assert load_registry(school.paths).get("mine/pair").available


@pytest.mark.learning
def test_a_batch_that_does_not_divide_is_said_and_everybody_goes_home(school: Jobs, tmp_path: Path) -> None:
    process = launch(school, spec_file(tmp_path, steps=4, settings={"batch": 5}))
    try:
        said, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    (info,) = school.list()
    assert info.state == "failed", said
    assert info.note == "A batch of 5 does not divide among 2 processes; 4 or 6 would."


def test_one_process_where_several_were_asked_for_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with processes.leading("cpu"):
        pass
    assert capsys.readouterr().err == ""
    for name, value in (("ACCELERATE_DYNAMO_BACKEND", "NO"), ("MASTER_PORT", "29500")):  # as `accelerate launch --cpu` leaves it
        monkeypatch.setenv(name, value)
    with processes.leading("cpu"):
        pass
    assert "asked for several processes and started one" in capsys.readouterr().err


def test_who_leads_and_who_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    for rank, world, launched, following in (("", "", 0, 0), ("0", "1", 0, 0), ("0", "2", 1, 0), ("1", "2", 1, 1)):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", world)
        assert (processes.launched(), processes.following()) == (bool(launched), bool(following))
