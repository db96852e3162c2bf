"""`python -m studio methods`: all groups alike, with the models they are for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from studio.cli import methods
from studio.cli.app import app
from studio.jobs.jobs import Jobs
from studio.library.method_cards import GROUPS
from tests.support.fixtures import TOY


@pytest.fixture
def hall(jobs: Jobs, objectives_file: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv("STUDIO_OBJECTIVES", TOY)
    monkeypatch.setattr(methods, "out", methods.Console(width=300))
    shutil.copy(objectives_file, jobs.paths.cache / "objectives.json")
    return jobs


def said(jobs: Jobs, *words: str) -> str:
    done = CliRunner().invoke(app, ["methods", *words, "--data-dir", str(jobs.paths.root)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_all_groups_are_listed_alike(hall: Jobs) -> None:
    found = {(row["group"], row["name"]): row for row in json.loads(said(hall, "--json"))}
    assert {group for group, _ in found} == set(GROUPS)
    for row in found.values():
        assert row["unavailable"] == "" and row["card"]["title"] and row["schema"]["properties"]
        assert row["models"] and set(row["models"]) <= {"teacher", "student"}
    assert found["personalize", "dreambooth"]["models"] == ["teacher"]
    assert found["personalize", "random-timesteps"]["models"] == found["personalize", "pso"]["models"] == ["student"]
    assert found["sliders", "pairs"]["models"] == ["teacher", "student"] and found["distill", "lcm"]["domains"] is None
    assert found["personalize", "textual-inversion"]["models"] == ["teacher", "student"]
    assert found["controlnets", "controlnet"]["domains"] == ["pocket"]


def test_one_group_as_a_table(hall: Jobs) -> None:
    shown = said(hall, "personalize")
    assert "own-timesteps" in shown and "students" in shown and "lcm" not in shown and "pairs" not in shown


def test_a_group_that_is_not_there_is_said(hall: Jobs) -> None:
    with pytest.raises(ValueError, match=r"There is no group 'slider'\. Did you mean 'sliders'\?"):
        said(hall, "slider")


def test_a_method_that_cannot_be_used_is_named_with_its_reason(hall: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    known = json.loads((hall.paths.cache / "objectives.json").read_text())
    known["sliders"]["unavailable"]["mine"] = "ImportError: no scipy"
    monkeypatch.setattr(methods, "catalogue", lambda paths: known)
    (row,) = [row for row in json.loads(said(hall, "sliders", "--json")) if row["name"] == "mine"]
    assert (row["card"], row["unavailable"]) == (None, "ImportError: no scipy")
