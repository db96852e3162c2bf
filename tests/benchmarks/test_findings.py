"""The page of findings, written and checked from results that are made up: no model runs."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import findings
from studio.core.files import atomic_write
from studio.jobs.jobs import Jobs
from studio.library.models import Registry
from studio.library.stock import open_jobs
from tests.support import lab_data
from tests.support.method_catalogue import stock

STUDIES = ("k-sweep", "position-sweep", "masks", "handover", "base-guidance", "commitment", "fork", "arena")


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return open_jobs(stock(tmp_path / "data"))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return lab_data.registry(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="module")
def results(registry: Registry) -> dict[str, dict[str, Any]]:
    return {name: lab_data.result(name, registry) for name in STUDIES}


def save(jobs: Jobs, result: dict[str, Any]) -> str:
    """A finished run with this result."""
    run_id = jobs.submit("study", result["request"])
    atomic_write(jobs.paths.run(run_id) / "result.json", json.dumps(result))
    jobs.store.move(run_id, "done", "", only=("queued",))
    return run_id


def test_the_page_has_every_study_its_figures_and_its_verdicts(results: dict[str, Any], registry: Registry) -> None:
    page = findings.page(list(results.values()), "## By hand\n\nA note.", registry)
    lines = page.splitlines()
    for result in results.values():
        assert f"## nano/dmd2: {result['card']['title']}" in lines
        assert all(v["sentence"] in page for v in result["verdicts"])
    assert lines.index("## By hand") < lines.index("## What it costs, and the commands")
    assert sum("python -m studio jobs run" in line for line in lines) == len(results)
    for i, line in enumerate(lines):  # every table is one: as many cells in the rule and the rows as in the head
        if line.startswith("|---"):
            block = [lines[i - 1], line, *(row for row in lines[i + 1 :])]
            end = next(n for n, row in enumerate(block) if not row.startswith("|"))
            assert len({row.count("|") for row in block[:end]}) == 1, lines[i - 1]
    assert "None" not in page and "nan" not in page.split()


def test_the_study_of_most_samples_speaks_first_and_results_of_before_are_marked(results: dict[str, Any]) -> None:
    small = results["k-sweep"]
    large, old = copy.deepcopy(small) | {"seeds": 10 * small["seeds"]}, copy.deepcopy(results["fork"])
    for verdict in large["verdicts"]:
        verdict["n"] = 10 * verdict["n"]
    del old["request"]["first_seed"]
    rows = findings.statements([small, large, old])
    ours = [row for row in rows if row.startswith("| S2:")]
    assert len(ours) == 1 and ours[0].endswith(f"| {next(v['n'] for v in large['verdicts'] if v['id'] == 'S2')} |")
    marked = [row for row in rows if row.startswith("|") and "†" in row]
    assert len(marked) == len(old["verdicts"]) and rows[-1].startswith("† *Not remade")
    assert "†" not in "\n".join(findings.statements([small]))
    assert findings.BEFORE in findings.section(old) and findings.BEFORE not in findings.section(small)


def test_costs_are_evaluations_with_shared_steps_once(results: dict[str, Any], registry: Registry) -> None:
    rows = findings.costs([results["masks"]], registry)
    # 16 masks cost 30 instead of 64, and the teacher 49 more, as both begin with the same question; 2 prompts × 6 seeds
    assert any("| 12 (2 × 6) | 1000–1005 | 1,368 | 948 |" in row for row in rows)
    assert "–" in findings.costs([results["masks"]], None)[6]


def test_the_largest_result_is_kept_without_single_samples(jobs: Jobs, results: dict[str, Any], tmp_path: Path) -> None:
    small = copy.deepcopy(results["commitment"]) | {"seeds": 2}
    save(jobs, results["commitment"])
    save(jobs, small)
    jobs.submit("study", results["fork"]["request"])  # unfinished
    (path,) = findings.keep(jobs, "abc", tmp_path / "kept")
    kept = json.loads(path.read_text())
    assert (path.name, kept["commit"], kept["seeds"]) == ("nano-dmd2-commitment.json", "abc", lab_data.SEEDS)
    commit = kept["timelines"]["student"]["distance"]["commit"]
    assert "steps" not in commit and "fraction" in commit


def test_a_fresh_run_that_agrees_is_reproduced_and_one_that_does_not_is_not(results: dict[str, Any]) -> None:
    kept = results["k-sweep"]
    same, line = findings.compared(kept, copy.deepcopy(kept))
    assert same and f"{len(kept['verdicts'])} of {len(kept['verdicts'])} verdicts equal" in line
    moved = copy.deepcopy(kept)
    point = moved["sweep"]["points"][2]["diversity"]
    point["value"] = point["low"] = point["high"] + 0.01
    point["high"] += 0.02
    same, line = findings.compared(kept, moved)
    assert not same and "outside: sweep.points[k = 2].diversity" in line
    turned = copy.deepcopy(kept)
    turned["verdicts"][0]["verdict"] = "holds"
    same, line = findings.compared(kept, turned)
    assert not same and "S1 too few to say → holds" in line
    within = copy.deepcopy(kept)
    figure = within["sweep"]["points"][2]["diversity"]
    figure["value"] += 0.2 * (figure["high"] - figure["value"])
    assert findings.compared(kept, within)[0]


def test_check_prints_a_line_a_study(
    jobs: Jobs, results: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("k-sweep", "masks"):
        save(jobs, results[name])
    kept = tmp_path / "kept"
    findings.keep(jobs, "abc", kept)
    (kept / "other.json").write_text(json.dumps(results["fork"]))
    asked = ["findings", "--check", "--data-dir", str(jobs.paths.root), "--studies", str(kept)]
    monkeypatch.setattr(sys, "argv", asked)
    with pytest.raises(SystemExit) as end:
        findings.main()
    lines = capsys.readouterr().out.splitlines()
    assert end.value.code == 0 and len(lines) == 3
    assert lines[0].startswith("nano-dmd2-k-sweep: reproduced (") and lines[1].startswith("nano-dmd2-masks: reproduced (")
    assert lines[2].startswith("nano-dmd2-fork: not run here; ") and "jobs run" in lines[2]
    agreed, lines = findings.check([results["fork"]], {})
    assert not agreed and "not run here" in lines[0]
    assert findings.check([], {}) == (False, ["Nothing is kept yet; --keep keeps what the data folder has."])
