"""The history of a metrics file: bounded, even, and right again after a run went back to its checkpoint."""

from __future__ import annotations

from pathlib import Path

from studio.library.curves import FILE, Curves, Follower, History, read


def write(curves: Curves, *steps: int, loss: float = 1.0) -> None:
    for step in steps:
        curves.add(step, {"student": loss}, {"normaliser": 0.5 * loss}, 0.1)


def test_a_history_is_bounded_even_and_ends_with_the_newest() -> None:
    history = History(most=100)
    for step in range(1, 1001):
        history.add({"step": step})
        steps = [row["step"] for row in history.points]
        assert len(steps) <= 101 and steps[0] == 1 and steps[-1] == step
    strides = {b - a for a, b in zip(steps, steps[1:-1], strict=False)}
    assert len(strides) == 1, "old and new are equally dense"


def test_whoever_follows_sees_new_rows_whole_lines_and_numbers_too(tmp_path: Path) -> None:
    follower = Follower(tmp_path)
    assert follower.look() == []
    curves = Curves(tmp_path, 100, 0)
    write(curves, 1, 2)
    assert [row["step"] for row in follower.look()] == [1, 2]
    with open(tmp_path / FILE, "a") as file:
        file.write('{"step":3,"losses":{"st')
    assert [row["step"] for row in follower.look()] == [1, 2]
    with open(tmp_path / FILE, "a") as file:
        file.write('udent":2},"log":{"normaliser":4}}\n')
    assert follower.look()[-1]["log"] == {"normaliser": 4}


def test_a_run_that_went_back_is_followed_anew(tmp_path: Path) -> None:
    write(Curves(tmp_path, 100, 0), *range(1, 11))
    follower = Follower(tmp_path)
    assert follower.look()[-1]["step"] == 10
    again = Curves(tmp_path, 100, 4)
    assert [row["step"] for row in again.history.points] == [1, 2, 3, 4]
    write(again, *range(5, 13), loss=2.0)
    found = follower.look()
    assert [row["step"] for row in found] == list(range(1, 13))
    assert [row["losses"]["student"] for row in found] == [1.0] * 4 + [2.0] * 8
    assert found == read(tmp_path / FILE) == again.history.points
    (tmp_path / FILE).unlink()
    assert follower.look() == []


def test_a_long_run_keeps_its_numbers_with_its_losses(tmp_path: Path) -> None:
    curves = Curves(tmp_path, 60_000, 0)
    write(curves, *range(1, 3001))
    rows = read(tmp_path / FILE)
    assert len(rows) == 1000, "every third step of a run of 60,000"
    assert all(row["log"]["normaliser"] == 0.5 and row["losses"]["student"] == 1.0 for row in rows)
