"""The chain knows what is stale by what files mean, runs just that, in order, and goes on where it stopped."""

import json
from pathlib import Path

import pytest

from benchmarks.remake import __main__ as remake
from benchmarks.remake.changes import changed, figures
from benchmarks.remake.digest import MISSING, digest
from benchmarks.remake.record import Record, ordered
from benchmarks.remake.stages import CHAIN, Stage

COPY = """import sys, pathlib
name, source, target = sys.argv[:3]
pathlib.Path(target).write_text(pathlib.Path(source).read_text() + "+")
"""
A = Stage("a", "first", ("in.txt", "code.py"), ("a.txt",), (("copying", "in.txt", "a.txt"),))
B = Stage("b", "second", ("a.txt",), ("b.txt",), (("copying", "a.txt", "b.txt"),))


@pytest.fixture
def record(tmp_path):
    (tmp_path / "in.txt").write_text("x")
    (tmp_path / "code.py").write_text('"""Says."""\n\ndef f():\n    """What."""\n    return 1\n')
    (tmp_path / "copying.py").write_text(COPY)
    (tmp_path / "docs" / "measured").mkdir(parents=True)
    return Record.load(tmp_path, tmp_path / "work")


def run_stale(record, chain=(B, A)):
    """Names of the stages that ran."""
    ran = []
    for stage in ordered(chain):
        if record.stale(stage):
            remake.run(stage, record, "cpu")
            ran.append(stage.name)
    return ran


def test_what_is_stale_runs_in_order_and_nothing_twice(record, tmp_path):
    assert run_stale(record) == ["a", "b"] and (tmp_path / "b.txt").read_text() == "x++"
    assert run_stale(record) == []
    assert run_stale(Record.load(tmp_path, tmp_path / "work")) == []  # the record is in the repository


def test_an_input_that_changes_makes_what_follows_stale(record, tmp_path):
    run_stale(record)
    (tmp_path / "in.txt").write_text("y")
    assert record.stale(A) == ["in.txt is another"]
    assert run_stale(record) == ["a", "b"] and (tmp_path / "b.txt").read_text() == "y++"


def test_comments_and_docstrings_make_nothing_stale_and_code_does(record, tmp_path):
    run_stale(record)
    (tmp_path / "code.py").write_text("# more\ndef f():\n\n    return 1  # one\n")
    assert run_stale(record) == []
    (tmp_path / "code.py").write_text("def f():\n    return 2\n")
    assert "a" in run_stale(record)


def test_an_output_that_was_touched_or_lost_is_made_again(record, tmp_path):
    run_stale(record)
    (tmp_path / "b.txt").write_text("by hand")
    assert record.stale(B) == ["b.txt is not what was written"] and run_stale(record) == ["b"]
    (tmp_path / "b.txt").unlink()
    assert record.stale(B) == ["b.txt is missing"]


def test_a_stage_that_failed_is_not_written_down_and_goes_on(record, tmp_path):
    run_stale(record)
    (tmp_path / "in.txt").unlink()
    with pytest.raises(SystemExit, match="a stopped with"):
        run_stale(record)
    assert record.stale(A)
    (tmp_path / "in.txt").write_text("z")
    assert record.begin(A)  # from other things than the checkpoint's: it starts anew
    assert not record.begin(A)  # from the same: it goes on
    assert run_stale(record) == ["a", "b"]


def test_what_lies_in_the_work_folder_of_another_machine_is_believed(record, tmp_path):
    made = Stage("made", "", ("in.txt",), ("work/big.txt",), ())
    used = Stage("used", "", ("work/big.txt",), ("b.txt",), ())
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "big.txt").write_text("weights")
    (tmp_path / "b.txt").write_text("from them")
    record.note(made)
    record.note(used)
    (tmp_path / "work" / "big.txt").unlink()
    assert record.stale(made) == record.stale(used) == []


def test_stages_that_wait_for_each_other_are_refused():
    with pytest.raises(ValueError, match="wait for each other"):
        ordered([Stage("x", "", ("b",), ("a",), ()), Stage("y", "", ("a",), ("b",), ())])


def test_the_chain_is_whole():
    """Everything that is read is there, in the work folder or written by a stage; names are taken once."""
    order = ordered(CHAIN)
    assert len({stage.name for stage in order}) == len(CHAIN)
    written = {path for stage in CHAIN for path in stage.writes}
    for stage in CHAIN:
        for path in stage.reads:
            assert path in written or digest(remake.ROOT / path) != MISSING, f"{stage.name} reads {path}"
        for command in stage.commands:
            module = remake.ROOT / Path(*command[0].split("."))
            assert module.with_suffix(".py").is_file() or (module / "__main__.py").is_file(), command[0]
    names = [stage.name for stage in order]
    assert names.index("pocket/autoencoder") < names.index("pocket/teacher") < names.index("pocket/dmd2")
    assert names.index("pocket/dmd2") < names.index("study/headline") < names.index("docs/findings")
    assert [s.name for s in remake.needed(CHAIN, "pocket/dmd2")] == ["pocket/autoencoder", "pocket/teacher", "pocket/dmd2"]


def test_what_changed_on_a_page_is_told_cell_by_cell(tmp_path):
    """A page that a stage wrote anew with another figure was "no figure changed"."""
    path, said = (
        tmp_path / "oracle.md",
        "# Oracle\n\n## Gate\n\n| | pocket | nano |\n|---|---|---|\n| grey | 0.0 % | {} |\n| blur | 4 % | 1 % |\n",
    )
    path.write_text(said.format("0.2 %"))
    before = figures(path)
    path.write_text(said.format("**50.0 %**"))
    assert len(before) == 4
    assert changed(before, figures(path)) == ["oracle.md: Gate, grey, nano: 0.2 % → 50.0 %"]
    assert figures(tmp_path / "none.md") == {}


def test_changes_are_told_in_verdicts_and_figures(tmp_path):
    def told(verdict, value):
        path = tmp_path / "study.json"
        path.write_text(
            json.dumps(
                {
                    "verdicts": [{"id": "S1", "statement": "less", "verdict": verdict}],
                    "rows": [{"arm": "k = 1", "diversity": {"value": value, "low": 0, "high": 1}}],
                }
            )
        )
        return figures(path)

    lines = changed(told("holds", 0.6), told("inconclusive", 0.5))
    assert lines == ["study.json: S1 less: holds → inconclusive", "study.json: rows k = 1 diversity: 0.600 → 0.500"]
    assert changed(told("holds", 0.6), told("holds", 0.6)) == []
