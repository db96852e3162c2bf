"""The table of objectives: several training seeds in one row, and what it says of them."""

from benchmarks.objectives import fd_text, measured_table, together
from benchmarks.remake.stages import CHAIN
from studio.metrics.proportion import wilson


def row(fd: float, right: int, **more):
    cell = {"fd": fd, "accuracy": wilson(right, 100).to_dict(), "spread": fd}
    return {"name": "sid", "updates": 250, "of": 250, "seconds": 60, "on_recipe": [1], "steps": {"1": cell}, **more}


def test_several_training_seeds_are_one_row_with_their_range():
    one = together([row(3.0, 60), row(5.0, 70), row(4.0, 80)])
    cell = one["steps"]["1"]
    assert cell["fd"] == 4.0 and cell["fds"] == [3.0, 5.0, 4.0] and cell["spread"] == 4.0 and one["training_seeds"] == 3
    assert (cell["accuracy"]["value"], cell["accuracy"]["n"]) == (0.7, 300)
    assert fd_text(cell) == "4.0 (3.0–5.0)" and fd_text(row(3.0, 60)["steps"]["1"]) == "3.0"
    assert together([row(3.0, 60)]) == row(3.0, 60)


def test_a_training_that_failed_is_not_averaged_away():
    failed = {"name": "sid", "failed": "the loss is not finite"}
    assert together([row(3.0, 60), failed]) is failed


def test_the_table_says_how_many_seeds_and_updates():
    data = {"size": "pocket", "teacher": row(1.0, 90)["steps"], "students": {"sid": together([row(3.0, 60), row(5.0, 70)])}}
    lines = measured_table(data)
    assert any(line.startswith("| sid | 1 | 1 | 4.0 (3.0–5.0) |") and line.endswith("| 2 | 250 | 1 |") for line in lines)
    short = {**row(3.0, 60), "updates": 50}
    assert any(line.endswith("| 1 | 50 of 250 | 1 |") for line in measured_table({**data, "students": {"sid": short}}))


def test_the_stages_of_the_chain_write_the_files_that_the_table_reads():
    for stage in CHAIN:
        if stage.name.startswith("objectives/"):
            assert stage.writes[0] in stage.commands[0]
