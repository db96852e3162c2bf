"""The runner of benchmarks that are many runs: what is asked again, what is kept, and where the page is written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks import kept_runs, personalize, sine
from benchmarks.kept_runs import BEGIN, END, Runs
from studio.core.files import Json


@dataclass(frozen=True)
class Case:
    name: str

    @property
    def request(self) -> Json:
        return {"title": self.name}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs[Case]:
    (tmp_path / "page.md").write_text(f"# Page\n\n{BEGIN}\nold\n{END}\n\nafter\n")
    made: Runs[Case] = Runs(
        tmp_path / "kept.json", tmp_path / "page.md", lambda: iter([Case("a-1"), Case("b-1")]), lambda case, result, s: result,
        lambda have: [", ".join(sorted(have))], lambda found: "", only="",
    )  # fmt: skip
    monkeypatch.setattr(Runs, "measure", lambda self, case, jobs: {"of": case.name})
    return made


def test_what_is_kept_is_not_run_again_and_the_page_keeps_the_rest(
    runs: Runs[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def called(*words: str) -> None:
        monkeypatch.setattr("sys.argv", ["benchmark", *words, "--data-dir", str(tmp_path / "data")])
        runs.main("about")

    called("--only", "b")
    assert runs.kept() == {"b-1": {"of": "b-1"}} and capsys.readouterr().out.strip() == "b-1"
    assert runs.page.read_text() == f"# Page\n\n{BEGIN}\n\nb-1\n{END}\n\nafter\n"
    called()
    assert capsys.readouterr().out.strip() == "a-1" and list(json.loads(runs.kept_in.read_text())) == ["a-1", "b-1"]
    called("--status")
    assert capsys.readouterr().out.split() == ["kept", "a-1", "kept", "b-1"]
    runs.page.write_text("# Page\n")
    runs.write()
    assert runs.page.read_text() == f"# Page\n\n{BEGIN}\n\na-1, b-1\n{END}\n"


def test_time_adds_up_over_the_parts_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([1.0, 4.0, 10.0, 12.0])
    monkeypatch.setattr(kept_runs.time, "process_time", lambda: next(clock))
    for _ in range(2):
        with kept_runs.spent(tmp_path / "spent.json"):
            pass
    assert kept_runs.read_spent(tmp_path / "spent.json") == 5.0


@pytest.mark.parametrize("runs", [personalize.RUNS, sine.RUNS])
def test_every_kept_run_is_one_that_is_planned(runs: Any) -> None:
    assert set(runs.kept()) <= {case.name for case in runs.cases()} and runs.lines(runs.kept())
