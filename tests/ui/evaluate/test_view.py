"""The Evaluate tab's view of a run: candidates while they are drawn, tables with intervals, and the worst samples first."""

from __future__ import annotations

from typing import Any

import pytest

from studio.metrics.proportion import wilson
from studio.ui.evaluate import tables
from studio.ui.evaluate.view import EvaluateView
from studio.ui.evaluate.wall import wall
from tests.ui.evaluate.made import ABOUT, REQUEST, result


def done(**more: Any) -> EvaluateView:
    view = EvaluateView("r", REQUEST, ABOUT)
    view.apply({"kind": "state", "state": "done", "note": ""})
    view.finish(result(**more))
    return view


def test_pictures_come_candidate_by_candidate_and_a_prompt_drawn_again_counts_once() -> None:
    view = EvaluateView("r", REQUEST, ABOUT)
    assert view.board(2)["status"]["text"] == "2 runs ahead"
    view.apply({"kind": "state", "state": "running", "note": "Nano DMD2 …"})
    for _ in range(2):
        view.apply({"kind": "drawn", "candidate": 0, "prompt": 0, "files": ["artifacts/0/0-0.png", "artifacts/0/0-1.png"]})
    view.apply({"kind": "progress", "done": 1, "total": 4, "unit": "prompts"})
    board = view.board()
    assert [(row["title"], row["tone"], row["done"], row["of"]) for row in board["drawing"]] == [
        ("Nano DMD2", "student", 1, 2), ("Nano teacher", "teacher", 0, 2)
    ]  # fmt: skip
    assert board["drawing"][0]["files"] == ["artifacts/0/0-0.png", "artifacts/0/0-1.png"]
    assert board["found"] is None and board["status"]["text"] == "1 of 4 prompts"


def test_sentences_come_first_and_every_table_says_who_judged() -> None:
    board = done().board()
    found = board["found"]
    assert found["said"] == ["4 samples are too few to say which of Nano DMD2 and Nano teacher is better.",
                             *(row["sentence"] for row in result()["candidates"])]  # fmt: skip
    assert board["notices"] == ["A notice."] and board["title"] == "Nano DMD2 against Nano teacher"
    assert found["scores"]["heads"] == ["candidate", "what was asked for", "all of it", "things", "attributes", "relations",
                                        "what every sample must be", "NFE"]  # fmt: skip
    things = found["scores"]["rows"][0]["cells"][2]
    assert (things["text"], things["at"], things["low"], things["reach"]) == ("50 %", 0.5, None, "n too small for an interval")
    always = found["failing"][0][0]["cells"][0]
    assert always["low"] <= always["at"] == 0.0 < always["high"] and always["reach"] == "[0–66]"
    assert found["scores"]["rows"][1]["cells"][-1]["text"] == "50"
    for table in (found["scores"], found["pairs"]):
        assert table["note"].startswith("Judged by the oracle, 2 prompts × 2 seeds")
    assert "those of the oracle" in found["figures"]["note"] and found["foot"] == "Judged by the oracle, 2 prompts × 2 seeds."
    assert "How evenly" in found["figures"]["rows"][0]["about"] and found["figures"]["rows"][0]["better"] == "higher is better"


def test_the_sign_test_is_said_in_words() -> None:
    (gap,) = done().board()["found"]["pairs"]["rows"]
    assert gap["title"] == "Nano DMD2 minus Nano teacher" and gap["cell"]["text"].startswith("−")
    assert gap["split"] == "Nano DMD2 shows more of what was asked for on 0 samples, Nano teacher on 2; 2 are alike."
    assert gap["prompts"] == ("Nano DMD2 shows more of it on the whole on 0 prompts, Nano teacher on 1; 1 are alike: as chance "
                              "may well do (p = 1.00, sign test).")  # fmt: skip
    alike = result()
    alike["comparisons"][0]["samples"] = {"better": 0, "worse": 0, "same": 4}
    shown = tables.pairs(alike)
    assert shown is not None and shown["rows"][0]["split"] == "On all 4 samples both are alike."
    assert tables.pairs(result(comparisons=[])) is None


def test_questions_that_fail_most_stand_beside_the_other_candidates_with_what_is_seen_instead() -> None:
    own, other = done().board()["found"]["failing"]
    assert [row["question"] for row in own] == ["Is there a cat?", "Is the colour red?"] and other == []
    assert (own[0]["cells"][0]["text"], own[0]["cells"][1]["text"], own[0]["n"]) == ("0 %", "100 %", 2)
    assert own[0]["instead"] == "a house (2)"


def test_the_worst_samples_come_first_with_the_same_prompt_and_seed_of_another() -> None:
    found = wall(result(), {"candidate": 0, "beside": 1, "question": "", "count": 3})
    first = found["samples"][0]
    assert (first["prompt"], first["seed"], found["total"], len(found["samples"])) == ("a red cat by the sea", 1, 4, 3)
    assert [(row["question"], row["reason"]) for row in first["own"]["answers"][:2]] == [
        ("Is there a cat?", "a house"), ("Is the colour red?", "blue")
    ]  # fmt: skip
    assert [row["yes"] for row in first["own"]["answers"]] == [False, False, True, True]
    assert first["beside"]["file"] == "artifacts/1/0-1.png" and first["beside"]["score"] == 1
    only = wall(result(), {"candidate": 0, "beside": -1, "question": "Is the colour red?"})
    assert [(row["seed"], row["beside"]) for row in only["samples"]] == [(1, None)] and (only["total"], only["of"]) == (1, 4)


@pytest.mark.parametrize("wish", [{"candidate": 5}, {"candidate": "all"}, {"candidate": 0, "beside": -2}, {"candidate": None}])
def test_a_wish_that_means_nothing_is_one_sentence(wish: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="are not in the result"):
        wall(result(), wish)


def test_what_planted_errors_say_of_the_judge_is_shown_where_it_was_asked() -> None:
    assert done().board()["found"]["trust"] == []
    figures = {"samples": 48, "precision": wilson(40, 44).to_dict(), "recall": wilson(40, 48).to_dict(),
               "false_alarms": wilson(4, 300).to_dict()}  # fmt: skip
    tested = {"kinds": {"wrong colour": figures}, "all": figures, "items": 24, "samples": 96, "kendall": None,
              "spearman": {"value": 0.8, "low": 0.7, "high": 0.9, "n": 96, "note": ""}}  # fmt: skip
    for trust in (tested, {"oracle": tested}):  # of one judge, or of several by name
        (one,) = done(trust=trust).board()["found"]["trust"]
        assert [row["title"] for row in one["rows"]] == ["wrong colour", "all together"] and one["title"] == "Oracle"
        assert one["rows"][0]["cells"][0]["text"] == "83 %" and "Spearman 0.80 [0.70–0.90]" in one["said"]
    assert done(trust={"oracle": {"note": "later"}}).board()["found"]["trust"] == []


def test_the_form_comes_back_as_it_was() -> None:
    asked = done().asked()
    assert asked["candidates"][0] == {
        "model": "nano/dmd2",
        "arm": "",
        "adapters": [{"id": "nano/size", "strength": "0.5", "on": "all"}],
    }
    assert (asked["source"], asked["prompts"], asked["seeds"]) == ("typed", "a red cat by the sea\na boat at night", "2")
    assert asked["run"] == {"n_prompts": "16", "planted": "0"}
