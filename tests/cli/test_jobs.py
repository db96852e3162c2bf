"""`python -m studio jobs …` on the toy objective."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from studio.cli import app, jobs
from studio.jobs.jobs import Jobs
from studio.jobs.run import read_spec
from tests.cli.test_app import FULL, command, in_time


@pytest.fixture
def run(school: Jobs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("STUDIO_DATA_DIR", str(school.paths.root))
    monkeypatch.setenv("STUDIO_DEVICE", "cpu")
    for module in (app, jobs):
        monkeypatch.setattr(module, "out", app.Console(width=200))
        monkeypatch.setattr(module, "err", app.Console(stderr=True, width=200))
    return lambda *words: command(capsys, monkeypatch, "jobs", *words)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(
        "# a run that takes an instant\nkind: distill\nname: pupil\nteacher: toy/teacher\nobjective: toy\nsteps: 10\n"
        "measure_every: 0\nsettings: {lr: 1.0e-2}\n"
    )
    return path


def test_submit_list_move_pause_resume_stop_and_delete(run, school: Jobs, spec: Path) -> None:  # type: ignore[no-untyped-def]
    ids = [json.loads(run("submit", str(spec), "--json")[1])["id"] for _ in range(2)]
    status, out, _ = run("list")
    assert status == 0
    assert all(run_id in out for run_id in ids)
    assert [row["state"] for row in json.loads(run("list", "--json")[1])] == ["queued", "queued"]
    assert run("move", ids[1], "first")[1].startswith(f"1. {ids[1]}")
    assert json.loads(run("move", ids[1], "first", "--json")[1]) == [ids[1], ids[0]]
    assert run("pause", ids[0])[1] == "paused: Paused before it began.\n"
    assert json.loads(run("resume", ids[0], "--json")[1])["state"] == "queued"
    assert run("pause", ids[0])[0] == 0
    assert run("resume", ids[0])[1].startswith("queued: Resumed")
    assert run("stop", ids[0])[1] == "stopped: Stopped before it began.\n"
    assert run("cancel", ids[1])[1] == "cancelled: Cancelled before it began.\n"
    assert run("watch", ids[1])[0] == 1
    assert [json.loads(line)["state"] for line in run("watch", ids[1], "--json")[1].splitlines()] == ["queued", "cancelled"]
    assert run("delete", ids[1])[0] == 0
    assert [info.id for info in school.list()] == [ids[0]]
    status, _, err = run("save", ids[0])
    assert status == 2
    assert "only a run that is going can be asked to save" in err


def test_a_spec_file_runs_alone_and_a_stopped_run_goes_on(run, school: Jobs, spec: Path) -> None:  # type: ignore[no-untyped-def]
    status, out, err = run("run", str(spec))
    assert status == 0, err
    assert "The student is listed as mine/pupil." in out
    assert "10/10" in err
    status, out, _ = run("submit", str(spec))
    assert status == 2, "the name is taken now"
    spec.write_text(spec.read_text().replace("pupil", "second"))
    run_id = json.loads(run("submit", str(spec), "--json")[1])["id"]
    school.stop(run_id)
    status, out, _ = run("run", run_id, "--json")
    shown = json.loads(out)
    assert (status, shown["state"], shown["at"], shown["result"]["student"]) == (0, "done", "10/10", "mine/second")
    assert "10/10" in run("show", run_id)[1]
    again = jobs.read_spec_file(school.paths.run(run_id) / "spec.json")
    assert again == ("distill", read_spec(school.paths.run(run_id)).config), "a run's own spec.json is a spec file too"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: distill\nname: [", "is not YAML, line"),
        ("- a\n- b\n", "holds ['a', 'b']"),
        ("kind: distil\nname: x\n", "Did you mean 'distill'?"),
        ("name: ../x\nteacher: toy/teacher\nobjective: toy\n", "does not fit"),
        ("name: x\nteacher: toy/teacher\nobjective: toy\nsteps: 1000000000\n", "at most 10000000 fits"),
        ("&a [*a, *a]", "stands for more than 100,000 values"),
        (None, "is not a file"),
    ],
)
def test_a_bad_spec_file_is_one_sentence(run, school: Jobs, tmp_path: Path, text: str | None, words: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "bad.yaml"
    if text is not None:
        path.write_text(text)
    status, _, err = run("run", str(path))
    assert status == 2
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert school.list() == []


def test_a_sweep_is_submitted_from_a_file(run, school: Jobs, spec: Path) -> None:  # type: ignore[no-untyped-def]
    spec.write_text(spec.read_text() + "sweep: {settings.lr: [0.1, 0.01], seed: [0, 1]}\n")
    status, out, _ = run("submit", str(spec))
    assert status == 0
    assert [line.split("  ")[2] for line in out.splitlines()] == [
        f"pupil-lr{lr}-seed{seed}: toy of toy/teacher, 10 steps" for lr in (0.1, 0.01) for seed in (0, 1)]  # fmt: skip
    assert [line.split()[2] for line in out.splitlines()] == ["0", "1", "2", "3"], "ahead of it"
    status, _, err = run("run", str(spec))
    assert status == 2
    assert "`jobs submit` takes it, `jobs run` takes one run" in err
    spec.write_text(spec.read_text().replace("seed: [0, 1]", "seed: [0, -1]"))
    status, _, err = run("submit", str(spec))
    assert status == 2
    assert "Run 2 of 4 (lr 0.1, seed -1): seed is -1" in err
    assert len(school.list()) == 4


def test_where_a_run_goes_is_in_the_file_or_in_the_command(  # type: ignore[no-untyped-def]
    run, school: Jobs, spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.jobs.executors.check_package", lambda name: None)
    plain = spec.read_text()
    spec.write_text(plain + "executor: {name: ray, cpus: 2}\n")
    shown = json.loads(run("submit", str(spec), "--json")[1])
    assert (shown["executor"], school.spec(shown["id"]).executor) == (
        "ray",
        {"name": "ray", "cpus": 2.0, "gpus": None, "retries": 3},
    )
    again = run("submit", str(school.paths.run(shown["id"]) / "spec.json"))[1]
    assert "queued for ray, 1 ahead of it" in again, "a run's own spec.json says where it ran"
    kept = json.loads(run("submit", str(spec), "-o", "retries=1", "--json")[1])["id"]
    assert school.spec(kept).executor == {"name": "ray", "cpus": 2.0, "gpus": None, "retries": 1}
    words = ("--executor", "hf-jobs", "-o", "repository=ada/runs", "-o", "flavor=t4-small", "--json")
    rented = json.loads(run("submit", str(spec), *words)[1])["id"]
    assert school.spec(rented).executor["flavor"] == "t4-small"
    assert json.loads(run("submit", str(spec), "--executor", "local", "--json")[1])["executor"] == "local"
    assert [row["executor"] for row in json.loads(run("list", "--json")[1])] == ["local", "hf-jobs", "ray", "ray", "ray"]
    assert "hf-jobs" in run("list")[1]
    for words, sentence in (
        (("submit", str(spec), "--executor", "rai"), "Did you mean 'ray'?"),
        (("submit", str(spec), "-o", "cpus"), "'cpus' is no field=value"),
        (("submit", str(spec), "-o", "cpus=many"), "cpus is 'many'; a number fits."),
        (("submit", str(spec), "-o", "cores=2"), "The executor ray has no option 'cores'."),
        (("dispatch", "local"), "'local' has nothing to look after; ray and hf-jobs have."),
    ):
        status, _, err = run(*words)
        assert status == 2, err
        assert sentence in err
    assert len(school.list()) == 5


def test_a_run_whose_end_cannot_be_written_ends_the_command_and_goes_on_later(  # type: ignore[no-untyped-def]
    run, school: Jobs, spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "finish", full)
        status, _, err = in_time(lambda: run("run", str(spec)))
    assert (status, err.strip().splitlines()[-1]) == (1, FULL)
    (info,) = school.list()
    assert info.state == "running"
    monkeypatch.setattr("studio.jobs.recovery.lives", lambda who, lock: False)  # the command's process is gone by now
    assert [found.state for found in school.reconcile()] == ["done"], "its own log says how it ended"
