"""`python -m studio …` on the tiny pair."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio.cli import app, executing
from studio.jobs.jobs import Jobs
from studio.jobs.locks import FileLock
from tests.support.fixtures import PAIR


def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    """(exit status, standard output, standard error) of `studio words…`."""
    monkeypatch.setattr("sys.argv", ["studio", *words])
    capsys.readouterr()
    try:
        app.main()
        status: object = 0
    except SystemExit as left:
        status = left.code or 0
    shown = capsys.readouterr()
    assert isinstance(status, int)
    return status, shown.out, shown.err


def in_time(what: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What it returns; it fails where that never comes."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(what()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, "the command did not end"
    return found[0]


FULL = "The run was left before its end, with what it had made: The disk is full; free some space and try again."


@pytest.fixture
def run(studio: Jobs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("STUDIO_DATA_DIR", str(studio.paths.root))
    monkeypatch.setenv("COLUMNS", "200")
    for module in (app, executing):
        monkeypatch.setattr(module, "out", app.Console(width=200))
        monkeypatch.setattr(module, "err", app.Console(stderr=True, width=200))
    return lambda *words: command(capsys, monkeypatch, *words)


def test_compare_without_arms_leaves_them_to_the_students_steps(run, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    asked: list[dict[str, Any]] = []

    def submit(_: Jobs, kind: str, request: dict[str, Any]) -> Any:
        asked.append(request)
        raise ValueError("Enough.")

    monkeypatch.setattr(Jobs, "submit", submit)
    run("compare", "a red house", "--pair", PAIR)
    run("compare", "a red house", "--pair", PAIR, "--arms", "student")
    assert "arms" not in asked[0]
    assert asked[1]["arms"] == "student"


def test_compare_then_inspect_show_and_rerun(run, studio: Jobs, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    target = tmp_path / "out"
    words = ("compare", "a red house", "--pair", PAIR, "--seeds", "2", "--arms", "student,hybrid-1", "--device", "cpu")
    status, shown, _ = run(*words, "--out", str(target))
    assert status == 0
    assert "hybrid (k = 1)" in shown
    assert "done" in shown
    assert sorted(p.name for p in (target / "student").iterdir()) == ["0.png", "1.png"]
    assert [row["arm"] for row in json.loads((target / "result.json").read_text())["arms"]] == ["student", "hybrid-1"]
    status, shown, _ = run("inspect", str(target / "hybrid-1" / "1.png"), "--json")
    assert status == 0
    assert json.loads(shown)["seed"] == 1
    run_id = studio.list()[0].id
    status, shown, _ = run("runs", "show", run_id)
    assert status == 0
    assert "a red house" in shown
    assert "student" in shown
    status, shown, _ = run("runs", "rerun", run_id, "--json", "--device", "cpu")
    assert status == 0
    assert json.loads(shown)["state"] == "done"
    status, shown, _ = run("runs", "list", "--json")
    assert [entry["state"] for entry in json.loads(shown)] == ["done", "done"]
    status, _, _ = run("runs", "delete", run_id)
    assert status == 0
    assert len(studio.list()) == 1


def test_a_scrub_run_is_drawn_and_branched_from(run, studio: Jobs) -> None:  # type: ignore[no-untyped-def]
    words = ("--pair", PAIR, "--seeds", "2", "--arms", "teacher", "--teacher-steps", "3", "--device", "cpu", "--json")
    status, shown, _ = run("scrub", "a red house", *words)
    first = json.loads(shown)
    assert status == 0 and [row["arm"] for row in first["result"]["rows"]] == ["teacher"]
    branch = json.dumps({"arm": "teacher", "step": 1, "guidance": 5})
    status, shown, _ = run("scrub", "--run", first["id"], "--branch", branch, "--device", "cpu", "--json")
    assert status == 0 and [row["steps"] for row in json.loads(shown)["result"]["rows"]] == [3, 3]
    assert studio.spec(json.loads(shown)["id"]).config["branches"][0]["guidance"] == 5
    status, _, said = run("scrub", "--run", first["id"], "--branch", "arm=teacher")
    assert status == 2 and "The branch 'arm=teacher' is no JSON object" in said


def test_control_asks_for_an_adapter_at_every_strength(run, studio: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    asked: list[Any] = []

    def submit(_: Jobs, kind: str, request: dict[str, Any]) -> Any:
        asked.append((kind, request))
        raise ValueError("Enough.")

    monkeypatch.setattr(Jobs, "submit", submit)
    run("control", "a red house", "--pair", PAIR, "--vary", "mine/big", "--strengths=-1,0,2.5")
    ((kind, request),) = asked
    assert (kind, request["vary"], request["strengths"]) == ("control", {"id": "mine/big"}, [-1.0, 0.0, 2.5])
    assert request["draw"]["prompt"] == "a red house" and request["draw"]["pair"] == PAIR
    assert "'low' are no numbers" in run("control", "a red house", "--strengths", "low")[2]


def test_remedies_and_noise_modulation_are_options_of_compare(run, studio: Jobs) -> None:  # type: ignore[no-untyped-def]
    words = ("compare", "a red house", "--pair", PAIR, "--seeds", "2", "--arms", "student,cads,more-re-noise", "--device", "cpu")
    status, shown, _ = run(*words, "--rho", "0.5", "--json")
    assert status == 0
    result = json.loads(shown)["result"]
    assert (result["request"]["rho"], result["request"]["arms"]) == (0.5, ["student", "cads", "more-re-noise"])
    rhos = [{segment["rho"] for segment in row["plan"]["segments"]} for row in result["arms"]]
    assert rhos == [{0.5}, {0.5}, {1.1}]
    status, shown, _ = run("runs", "show", studio.list()[0].id)
    assert "student with CADS" in shown


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["compare", ""], "prompt is empty"),
        (["compare", "a house", "--pair", "tiny/studnt"], "Did you mean 'tiny/student'?"),
        (["compare", "a house", "--pair", PAIR, "--seeds", "10000"], "10,000 seeds"),
        (["compare", "a house", "--pair", PAIR, "--arms", "particles", "--seeds", "5,"], "2 or more would fit"),
        (["compare", "a house", "--pair", PAIR, "--rho", "3"], "rho is 3"),
        (["compare", "a house", "--pair", PAIR, "--arms", "hybrid-9"], "hybrid-1 to hybrid-4 would fit"),
        (["runs", "show", "../../etc"], "not a run id"),
        (["inspect", "no such.png"], "cannot be read"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_two(run, words: list[str], sentence: str) -> None:  # type: ignore[no-untyped-def]
    status, shown, error = run(*words)
    assert status == 2
    assert shown == ""
    assert sentence in error
    assert "Traceback" not in error


def test_models_and_status(run) -> None:  # type: ignore[no-untyped-def]
    status, shown, _ = run("models", "--json")
    listed = {entry["id"]: entry for entry in json.loads(shown)}
    assert status == 0
    assert listed[PAIR]["available"]
    assert "pocket/dmd2" in listed
    assert "tiny/teacher" in run("models")[1]
    assert run("status")[1].startswith("absent")


def test_a_disk_that_fills_up_ends_the_command_and_keeps_what_was_drawn(  # type: ignore[no-untyped-def]
    run, studio: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real, full = os.write, list[int]()

    def write(fd: int, data: bytes) -> int:
        """No room for another line of events once the student's pictures are there."""
        if full or b'"kind":"arm","arm":"student"' in data:
            full.append(fd)
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data)

    words = ("compare", "a red house", "--pair", PAIR, "--seeds", "2", "--arms", "student,hybrid-1", "--device", "cpu")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        status, shown, error = in_time(lambda: run(*words))
    assert (status, error.strip().splitlines()[-1]) == (1, FULL)
    assert "Traceback" not in error
    (info,) = studio.list()
    folder = studio.paths.run(info.id)
    assert sorted(p.name for p in (folder / "artifacts" / "student").glob("?.png")) == ["0.png", "1.png"]
    monkeypatch.setattr("studio.jobs.recovery.lives", lambda who, lock: False)  # the command's process is gone by now
    (settled,) = studio.reconcile()
    assert settled.state == "interrupted"
    assert "files it had made are kept" in settled.note


@pytest.mark.parametrize(
    ("step", "fault", "sentence"),
    [
        ("finish", OSError(errno.ENOSPC, "No space left on device"), FULL),
        ("finish", sqlite3.OperationalError("database or disk is full"), FULL),
        (
            "claim",
            sqlite3.OperationalError("database is locked"),
            "made: The index of runs is busy",
        ),
        ("reconcile", RuntimeError("something else"), "with what it had made: something else"),
        ("reconcile", SystemExit(3), "The run was left before its end"),
    ],
)
@pytest.mark.parametrize("json_too", [False, True])
def test_no_fault_of_the_executor_leaves_a_command_waiting(  # type: ignore[no-untyped-def]
    run, studio: Jobs, monkeypatch: pytest.MonkeyPatch, step: str, fault: BaseException, sentence: str, json_too: bool
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise fault

    monkeypatch.setattr(Jobs, step, broken)
    words = ("compare", "a red house", "--pair", PAIR, "--seeds", "2", "--arms", "student", "--device", "cpu")
    status, shown, error = in_time(lambda: run(*words, *(["--json"] if json_too else [])))
    assert status == 1
    assert sentence in error
    if json_too:
        assert sentence in json.loads(shown)["note"]
    (info,) = studio.list()
    assert info.state == ("running" if step == "finish" else "queued")
    assert (studio.result(info.id) is not None) == (step == "finish"), "what was drawn is there"
    assert FileLock(studio.paths.lane("interactive", "lock")).acquire(), "and the lane is free"


def test_a_disk_that_is_full_from_the_start_is_one_sentence(run, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    def broken(*_: Any, **__: Any) -> Any:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Jobs, "submit", broken)
    status, shown, error = run("compare", "a red house", "--pair", PAIR)
    assert (status, shown, error) == (2, "", "The disk is full; free some space and try again.\n")


def test_size_and_negative_prompt_are_options_of_compare(run, studio: Jobs) -> None:  # type: ignore[no-untyped-def]
    words = ("compare", "a red house", "--pair", PAIR, "--seeds", "1", "--arms", "teacher", "--teacher-steps", "2")
    status, shown, _ = run(*words, "--device", "cpu", "--size", "24x16", "--negative", "snow", "--json")
    assert status == 0
    result = json.loads(shown)["result"]
    assert (result["request"]["size"], result["request"]["negative"]) == ("24x16", "snow")
    status, _, said = run(*words, "--size", "25x16")
    assert status == 2 and "The size '25x16' does not fit" in said and "like 24x16 or 28x16." in said
