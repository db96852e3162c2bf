"""A run whose networks are to be compiled draws, says where they could not be, and keeps its readings apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.core import compiling
from studio.families import compiled
from studio.jobs.jobs import Jobs
from studio.library.models import load_registry
from studio.sampling.plan import teacher_plan
from studio.worker import run_job
from studio.workshop.open_models import ModelCache
from studio.workshop.sample_cache import Cells

ASKED = {"prompt": "a red boat", "pair": "tiny/student", "arms": ["teacher", "hybrid-1"], "seeds": "0-1", "teacher_steps": 2}


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Classes of networks that a run compiled; nothing is compiled, and it is said that nothing could be."""
    found: list[str] = []

    def add(self: compiled.Compiled, network: Any) -> None:
        found.append(type(network).__name__)
        self.failed(RuntimeError("there is no compiler here"))

    monkeypatch.setattr(compiled.Compiled, "add", add)
    return found


def run(studio: Jobs) -> tuple[str, str]:
    run_id = studio.submit("compare", ASKED)
    state, _ = run_job(studio.paths.run(run_id), models=ModelCache("cpu"), registry=load_registry(studio.paths))
    log = studio.paths.run(run_id) / "log.txt"
    return state, log.read_text(encoding="utf-8") if log.is_file() else ""


@pytest.mark.parametrize(
    ("chosen", "plan", "networks"), [("1", "", 2), ("0", "", 0), ("1", "one-network", 2), ("1", "sequential", 0)]
)
def test_networks_of_a_run_are_compiled_where_it_is_chosen(
    studio: Jobs, monkeypatch: pytest.MonkeyPatch, added: list[str], chosen: str, plan: str, networks: int
) -> None:
    monkeypatch.setenv(compiling.SETTING, chosen)
    monkeypatch.setenv("STUDIO_RESIDENCY", plan)
    state, log = run(studio)
    assert state == "done" and len(added) == networks
    sentence = "Networks could not be compiled ('there is no compiler here'), so they draw uncompiled."
    assert log.count(sentence) == (1 if networks else 0)
    assert ("Nothing is compiled while layers come one by one." in log) is (plan == "sequential")


def test_readings_of_compiled_networks_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells, plan = Cells(tmp_path), teacher_plan("teacher", (900, 400), "ddim", 3.0)
    names = []
    for chosen in ("", "0", "1"):
        monkeypatch.setenv(compiling.SETTING, chosen)
        names.append(cells.name(plan, "a red boat", {"teacher": "abc"}))
    assert names[0] == names[1] != names[2]
