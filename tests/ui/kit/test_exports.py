"""Files of a result: a table with intervals as columns, the whole as JSON, and a sentence where there is nothing."""

from __future__ import annotations

import csv
import io
import json

import pytest

from studio.core.files import Json
from studio.jobs.jobs import Jobs
from studio.ui.kit import words
from studio.ui.kit.exports import Saved, Table, csv_text, of_run, saving

MEASURE = {"value": 0.4321987, "low": 0.4, "high": 0.47, "n": 16}


def rows(*tables: Table) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_text(tables))))


def test_a_measure_is_three_columns_and_a_number_is_one() -> None:
    table = Table(
        ["arm", "diversity", "FD-oracle", "NFE"], [["Teacher", MEASURE, {"value": 3.5}, 50], ["Student", None, None, 4]]
    )
    first, second = rows(table)
    assert first == {"arm": "Teacher", "diversity": "0.432199", "diversity low": "0.4", "diversity high": "0.47",
                     "FD-oracle": "3.5", "NFE": "50"}  # fmt: skip
    assert (second["diversity"], second["diversity low"], second["NFE"]) == ("", "", "4")


@pytest.mark.parametrize(("measure", "options"), [(MEASURE, {}), ({"value": -0.5, "low": -0.75, "high": 1}, {"percent": True})])
def test_figures_as_they_are_shown_are_numbers_again(measure: Json, options: Json) -> None:
    (found,) = rows(Table(["arm", "x"], [["a", words.interval(measure, **options)]]))
    for name, key in (("x", "value"), ("x low", "low"), ("x high", "high")):
        assert float(found[name]) == pytest.approx(measure[key], abs=0.006)


def test_what_has_no_value_is_empty_and_words_stay_words() -> None:
    cells = ["a", words.interval(None), ("surely", ""), ("-2 to 2", ""), ("98 %", "without: 100 %")]
    (found,) = rows(Table(["arm", "x", "y", "even from", "accuracy"], [cells]))
    assert found == {
        "arm": "a",
        "x": "",
        "y": "surely",
        "even from": "-2 to 2",
        "accuracy": "0.98",
        "accuracy note": "without: 100 %",
    }


def test_several_tables_are_told_apart_by_a_column() -> None:
    found = rows(Table(["arm", "x"], [["a", 1]], "Arms"), Table(["position", "y"], [["step 1", 2]], "Steps"))
    assert [(row["table"], row["row"], row["x"], row["y"]) for row in found] == [
        ("Arms", "a", "1", ""),
        ("Steps", "step 1", "", "2"),
    ]


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "@SUM(A1)", "+cmd|' /C calc'!A0"])
def test_a_text_is_no_formula(text: str) -> None:
    (found,) = rows(Table(["arm"], [[text]]))
    assert found["arm"] == f"'{text}"


def test_what_is_asked_for_comes_or_a_sentence_says_why_not() -> None:
    def look(wish: Json) -> Saved:
        if wish["run"] == "gone":
            raise ValueError("There is no such run.")
        return Saved([Table(["arm"], [["a"]])] if wish["run"] == "full" else [], {"run": wish["run"]})

    save_as = saving(look)
    assert save_as({"what": "csv", "run": "full"}) == {"text": "arm\na\n"}
    assert json.loads(save_as({"what": "json", "run": "empty"})["text"]) == {"run": "empty"}
    assert save_as({"what": "csv", "run": "empty"}) == {"problem": "There are no figures yet."}
    assert save_as({"what": "csv", "run": "gone"}) == {"problem": "There is no such run."}
    assert "problem" in save_as({})


def test_the_document_of_a_run_repeats_it(jobs: Jobs) -> None:
    run_id = jobs.submit("compare", {"prompt": "a red house", "pair": "nano/dmd2", "seeds": [3]})
    document = of_run(jobs, run_id, "compare")
    assert jobs.validate(document["kind"], document["request"]).model_dump(mode="json") == document["request"]
    assert (document["run"], document["result"]) == (run_id, None)
    with pytest.raises(ValueError, match="is a compare job, not a study job"):
        of_run(jobs, run_id, "study")
