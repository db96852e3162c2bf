"""What came with the program: one finished comparison, opened once; seconds of drawing as they were measured here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from studio.jobs.finished import take_in
from studio.library import draw_costs, examples
from studio.library.stock import open_jobs


def test_the_example_is_opened_once_and_says_where_it_is_from(tmp_path: Path) -> None:
    jobs = open_jobs(tmp_path)
    run = examples.opened(jobs)
    assert examples.opened(jobs) == run
    info, result = jobs.get(run), jobs.result(run)
    assert info.state == "done" and result is not None and result["shipped"]["date"]
    named = [image["path"] for arm in result["arms"] for image in arm["images"]]
    assert len(named) == len(result["arms"]) * len(result["request"]["seeds"])
    assert all(jobs.artifact(run, path).is_file() for path in named)
    assert all(row["change"]["low"] <= row["change"]["value"] <= row["change"]["high"] for row in result["recovery"])
    assert any("came with the program" in text for text in result["notices"])
    assert [one.id for one in open_jobs(tmp_path).list(kind="compare")] == [run]


def test_it_is_shown_where_its_models_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "example"
    shutil.copytree(examples.FOLDER, folder)
    found = json.loads((folder / "example.json").read_text())
    found["request"]["pair"] = "gone/away"
    (folder / "example.json").write_text(json.dumps(found))
    jobs = open_jobs(tmp_path / "data")
    assert jobs.spec(examples.opened(jobs, folder)).config["pair"] == "gone/away"


def test_a_copy_without_an_example_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"python -m benchmarks\.shipped makes one"):
        examples.opened(open_jobs(tmp_path), tmp_path / "none")


def test_what_cannot_be_copied_leaves_nothing_behind(tmp_path: Path) -> None:
    jobs = open_jobs(tmp_path)
    with pytest.raises(OSError):
        take_in(jobs, "compare", _request(), {}, tmp_path / "nothing", "x")
    assert list(jobs.paths.runs.iterdir()) == []


def _request() -> dict[str, object]:
    return {**json.loads((examples.FOLDER / "example.json").read_text())["request"]}


def test_seconds_are_those_measured_here_by_arm_and_nothing_where_none_were(tmp_path: Path) -> None:
    jobs, request = open_jobs(tmp_path), _request()
    pair = str(request["pair"])
    (tmp_path / "empty").mkdir()
    examples.opened(jobs)  # was drawn elsewhere
    assert draw_costs.said(jobs, pair, {"teacher": 50}, 8) == "" == draw_costs.of_evaluations(jobs, pair, 1000)
    arms = [{"arm": "teacher", "nfe": 50, "seconds_per_image": 5.0}, {"arm": "student", "nfe": 4, "seconds_per_image": 0.8}]
    take_in(jobs, "compare", request, {"request": request, "arms": arms}, tmp_path / "empty", "x")
    assert ", about 58 s on this machine" in draw_costs.said(jobs, pair, {"teacher": 50, "student": 4}, 10)
    assert ", about 15 s on this machine" in draw_costs.of_evaluations(jobs, pair, 100)  # 0.1 and 0.2 s an evaluation
    assert draw_costs.said(jobs, "nano/dmd2", {"teacher": 50}, 8) == "" == draw_costs.said(jobs, pair, {"teacher": 50}, 8, "64")
