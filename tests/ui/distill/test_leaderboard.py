"""The leaderboard as the page shows it: sentences, table, plot, and the button that measures."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from studio.capabilities.leaderboard import kept_figures, table
from studio.capabilities.leaderboard.table import Board
from studio.jobs.jobs import Jobs
from studio.jobs.locks import identity
from studio.library.models import load_registry
from studio.ui.app import assembled
from studio.ui.distill import leaderboard as page
from studio.ui.distill import leaderboard_plot
from studio.ui.distill.leaderboard import Leaderboard, sentences, table_row

TEACHER = "test/teacher"


def figures(accuracy: float, diversity: float, nfe: int = 4, fd: float = 20.0, n: int = 256) -> dict[str, Any]:
    def interval(value: float) -> dict[str, Any]:
        return {"value": value, "low": value - 0.03, "high": value + 0.03, "n": n, "note": ""}

    return {"n": n, "nfe": nfe, "accuracy": interval(accuracy), "diversity": interval(diversity), "fd_oracle": fd,
            "world_diversity": 0.86}  # fmt: skip


FOUND = {
    TEACHER: figures(0.80, 0.70, nfe=50, fd=10.0),
    "test/dmd2": figures(0.82, 0.45),
    "test/dmd2+hybrid-1": figures(0.78, 0.66),
    "test/lcm": figures(0.76, 0.69),
    "test/lcm+hybrid-1": figures(0.60, 0.68),
}  # fmt: skip


def board_of(jobs: Jobs, found: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Board:
    """The board when these arms have these figures: shelf models have no weights to be measured by."""
    monkeypatch.setattr(kept_figures, "unmeasurable", lambda teacher: "")
    monkeypatch.setattr(kept_figures, "counts", lambda paths, arm: {256} if arm.id in found else set())
    monkeypatch.setattr(kept_figures, "kept", lambda paths, arm, samples: found.get(arm.id))
    return table.board(jobs.paths, load_registry(jobs.paths), TEACHER)


@pytest.fixture
def board(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Board:
    return board_of(jobs, FOUND, monkeypatch)


@pytest.fixture
def shown(jobs: Jobs) -> SimpleNamespace:
    with gr.Blocks():
        teacher = gr.Dropdown([TEACHER])
        return SimpleNamespace(teacher=teacher, board=Leaderboard(jobs, teacher))


def test_shipped_figures_are_found_by_their_weights_alone_and_said_to_be_shipped(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm = kept_figures.arms(load_registry(jobs.paths), "nano/teacher")[0]
    file = kept_figures.figures_file(jobs.paths, arm, 256)
    assert file is not None
    monkeypatch.setattr(kept_figures, "SHIPPED", tmp_path)
    assert kept_figures.kept(jobs.paths, arm, 256) is None
    (tmp_path / file.name).write_text(json.dumps({**figures(0.8, 0.7), "shipped": {"date": "2026-11-30"}}))
    assert kept_figures.counts(jobs.paths, arm) == {256}
    found = kept_figures.kept(jobs.paths, arm, 256)
    assert found and "shipped figures, measured 2026-11-30" in page.about(table.Row(arm, found))
    kept_figures.keep(jobs.paths, arm, 256, figures(0.9, 0.7))  # one's own come first
    own = kept_figures.kept(jobs.paths, arm, 256)
    assert own and own["accuracy"]["value"] == 0.9 and "shipped" not in page.about(table.Row(arm, own))


# -- sentences -----------------------------------------------------------------------------------------------------------


def test_sentences_say_who_keeps_diversity_at_which_cost(board: Board) -> None:
    said = sentences(board)
    assert said[0].startswith("No less diverse than the teacher (0.70 at accuracy 80 %, 50 NFE), as far as 256 pictures tell: ")
    assert "Test lcm (0.69 at accuracy 76 %, 4 NFE)" in said[0]
    assert "the hybrid of Test dmd2 (0.66 at accuracy 78 %, 4 NFE)" in said[0]
    assert said[1] == "Less diverse than the teacher: Test dmd2 (0.45 at accuracy 82 %, 4 NFE)."
    assert said[2].startswith("One teacher step in place of the first wins diversity back for Test dmd2 (0.45 to 0.66, ")
    assert "lcm" not in said[2]  # its hybrid's gain is within the intervals
    assert len(said) == 3


def test_a_diversity_without_an_interval_is_not_called_kept(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = {**FOUND["test/lcm"], "diversity": {"value": 0.69, "low": None, "high": None, "n": 256, "note": "n too small"}}
    said = sentences(board_of(jobs, {TEACHER: FOUND[TEACHER], "test/lcm": bare}, monkeypatch))
    assert said[0] == "Without an interval that could be compared: Test lcm (0.69 at accuracy 76 %, 4 NFE)."


def test_nothing_is_claimed_without_comparable_figures(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sentences(board_of(jobs, {}, monkeypatch))[0].startswith("Not measured yet")
    only = board_of(jobs, {"test/lcm": FOUND["test/lcm"]}, monkeypatch)
    assert sentences(only) == ["The teacher is not measured yet, so what its students keep of it cannot be said."]
    some = board_of(jobs, {k: FOUND[k] for k in (TEACHER, "test/lcm")}, monkeypatch)
    assert sentences(some)[-1] == "Not measured yet: Test dmd2."
    assert page.summary(some) == "2 students · 2 of 5 rows measured"


def test_a_teacher_without_students_says_what_to_do(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = board_of(jobs, FOUND, monkeypatch)
    assert sentences(Board(whole.rows[:1])) == ["There are no students of this teacher yet; Start makes one."]


# -- table and plot ------------------------------------------------------------------------------------------------------


def test_a_row_has_numbers_to_sort_by_beside_what_is_shown(board: Board) -> None:
    rows = {row.arm.id: table_row(row) for row in board.rows}
    dmd2 = rows["test/dmd2"]
    assert dmd2["cells"]["accuracy"] == (0.82, "82 %", "[79–85]")
    assert dmd2["cells"]["fd_oracle"] == (20.0, "20.0", "")
    assert dmd2["cells"]["nfe"] == (4.0, "4", "")
    assert (rows[TEACHER]["student"], dmd2["student"]) == ("", "test/dmd2")
    assert rows["test/dmd2+hybrid-1"]["title"] == "Hybrid of Test dmd2"
    assert dmd2["front"]["accuracy"] and not rows["test/lcm+hybrid-1"]["front"]["accuracy"]
    json.dumps(rows)  # goes to the browser as it is


def test_rows_without_comparable_figures_say_so(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    some = board_of(jobs, {TEACHER: FOUND[TEACHER]}, monkeypatch)
    rows = {row.arm.id: table_row(row) for row in some.rows}
    assert rows["test/lcm"]["state"] == "not measured yet"
    assert rows["test/lcm"]["cells"]["accuracy"] == (None, "–", "")
    assert rows["test/lcm"]["cells"]["nfe"] == (4.0, "4", "")  # known from the plan


def traces(board: Board, across: str) -> dict[str, Any]:
    text = leaderboard_plot.figure(board, across)
    assert text is not None
    drawn: dict[str, Any] = json.loads(text)
    return drawn


def test_marks_are_filled_on_the_front_and_grow_with_cost(board: Board) -> None:
    data = [t for t in traces(board, "accuracy")["data"] if t["mode"] != "lines"]
    by_name = {row.arm.id: t for row, t in zip(board.rows, data, strict=True)}
    assert by_name[TEACHER]["marker"]["symbol"] == "circle"
    assert by_name["test/lcm+hybrid-1"]["marker"]["symbol"] == "diamond-open"
    assert by_name[TEACHER]["marker"]["size"] > by_name["test/dmd2"]["marker"]["size"]
    assert by_name["test/dmd2"]["error_x"]["array"][0] == pytest.approx(3)
    assert by_name["test/dmd2"]["customdata"] == ["test/dmd2"]
    lines = [t for t in traces(board, "accuracy")["data"] if t["mode"] == "lines"]
    assert [t["y"] for t in lines] == [[0.45, 0.66], [0.69, 0.68]]


@pytest.mark.parametrize("across", list(leaderboard_plot.CHOICES))
def test_everything_lies_inside_the_axes_with_its_bars(board: Board, across: str) -> None:
    drawn = traces(board, across)
    layout = drawn["layout"]
    low, high = layout["yaxis"]["range"]
    left, right = layout["xaxis"]["range"]
    for trace in (t for t in drawn["data"] if t["mode"] != "lines"):
        assert low < trace["y"][0] - trace["error_y"]["arrayminus"][0]
        assert trace["y"][0] + trace["error_y"]["array"][0] < high
        x = math.log10(trace["x"][0]) if across == "nfe" else trace["x"][0]
        assert min(left, right) < x < max(left, right)
    assert (left > right) == (across == "fd_oracle")  # the better side is on the right


def test_no_plot_before_anything_is_measured(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    assert leaderboard_plot.figure(board_of(jobs, {}, monkeypatch), "accuracy") is None


def overlaps(boxes: Sequence[tuple[float, float, float, float]]) -> bool:
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :]]
    return any(a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3] for a, b in pairs)


def test_names_never_cover_a_mark_or_each_other() -> None:
    xs, ys = [0.5, 0.5, 0.52, 0.95, 0.05], [0.5, 0.51, 0.5, 0.98, 0.02]
    names = ["one", "another one", "third", "a rather long name", "last"]
    sides = leaderboard_plot.label_sides(xs, ys, names, (0, 1), (0, 1))
    assert sides[3] in ("bottom left", "")
    assert sides[4] in ("top right", "")
    boxes = []
    for x, y, name, side in zip(xs, ys, names, sides, strict=True):
        width = len(name) * leaderboard_plot.LETTER
        left = x + leaderboard_plot.GAP if side.endswith("right") else x - leaderboard_plot.GAP - width
        middle = y + (leaderboard_plot.LINE if side.startswith("top") else -leaderboard_plot.LINE)
        if side:
            boxes.append((left, left + width, middle - leaderboard_plot.LINE / 2, middle + leaderboard_plot.LINE / 2))
    assert boxes and not overlaps(boxes)


# -- the button ----------------------------------------------------------------------------------------------------------


def test_the_button_queues_one_run_and_shows_it(shown: SimpleNamespace, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    board_of(jobs, {TEACHER: FOUND[TEACHER]}, monkeypatch)
    values = {shown.teacher: TEACHER}
    before = shown.board.show(TEACHER)[shown.board.html]
    assert (before["action"]["text"], before["action"]["enabled"]) == ("Measure", True)
    said = "4 of 5 rows lack figures: 256 pictures each, 4,096 network evaluations, in the background."
    assert before["action"]["about"] == said
    updates = shown.board.measure(values)
    shown.board.measure(values)  # pressed twice
    runs = jobs.list(kind="measure")
    assert [jobs.spec(run.id).config for run in runs] == [{"teacher": TEACHER, "students": [], "samples": 256}]
    assert updates[shown.board.timer]["runs"]
    action = updates[shown.board.html]["action"]
    assert (action["text"], action["enabled"], action["about"]) == ("Measuring", False, "next in line")
    jobs.cancel(runs[0].id)
    after = shown.board.look(values)
    assert not after[shown.board.timer]["runs"]
    assert after[shown.board.html]["action"]["enabled"]


def test_why_a_measurement_failed_is_said_beside_the_button(
    shown: SimpleNamespace, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    board_of(jobs, {TEACHER: FOUND[TEACHER]}, monkeypatch)
    shown.board.measure({shown.teacher: TEACHER})
    run, me = jobs.list(kind="measure")[0].id, identity()
    assert jobs.claim("batch", me, run) is not None
    jobs.finish(run, "failed", "Test lcm could not be measured: its weights are missing.", me)
    value = shown.board.look({shown.teacher: TEACHER})[shown.board.html]
    assert value["problem"] == "Test lcm could not be measured: its weights are missing."
    assert value["action"]["enabled"]


def test_what_cannot_be_measured_is_said_and_nothing_is_queued(shown: SimpleNamespace, jobs: Jobs) -> None:
    """Shelf models have no oracle."""
    value = shown.board.show(TEACHER)[shown.board.html]
    assert value["action"] is None
    assert "no oracle" in value["said"][0]
    problem = shown.board.measure({shown.teacher: TEACHER})[shown.board.html]["problem"]
    assert "no oracle" in problem
    assert shown.board.show("test/nobody")[shown.board.html]["rows"] == []
    assert jobs.list() == []


def test_a_row_opens_in_compare_with_teacher_student_and_hybrid(jobs: Jobs) -> None:
    moves = assembled(jobs)
    tabs, compare = moves.tabs, moves.compare
    updates = moves.of_the_board(SimpleNamespace(student="test/lcm"))  # type: ignore[arg-type]
    assert updates[tabs].selected == "compare"
    assert updates[compare.form.pair].value == "test/lcm"
    assert updates[compare.form.arms].value == ["teacher", "student", "hybrid-1", "skip-first"]
    with pytest.raises(gr.Error, match="no model"):
        moves.of_the_board(SimpleNamespace(student="test/nobody"))  # type: ignore[arg-type]
