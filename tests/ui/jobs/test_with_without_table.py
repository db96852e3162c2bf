"""The table of a ControlNet or a subject in the jobs panel and on a terminal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from studio.library import measured_arms
from studio.ui.jobs import numbers, with_without_table
from studio.ui.jobs.view import JobView


def share(value: float | None) -> dict[str, Any]:
    return {"value": value, "low": value and value - 0.1, "high": value and value + 0.1, "n": 20}


def event(kind: str, arm: str, step: int, **found: Any) -> dict[str, Any]:
    return {"n": 1, "time": 0.0, "kind": kind, "arm": arm, "title": arm.title(), "step": step, "nfe": 4, **found}


def test_a_controlnet_measured_again_is_shown_once() -> None:
    view = JobView("r", {})
    for where in (0.3, 0.6):
        side = {"agreement": {"where": share(where), "position": share(1.0), "horizon": share(0.9)}, "accuracy": share(0.5)}
        view.apply(event("agreement", "pocket/dmd2", 8, **{"with": side, "without": side}))
    table = with_without_table.table(view, "controlnet")
    assert table is not None
    assert [cell[0] for cell in table["rows"][0]["cells"]] == ["60 %", "60 %", "100 %", "90 %", "50 %"]


def personal(arm: str, step: int, hit: float | None = 0.8) -> dict[str, Any]:
    distance = {"value": 1.2345, "low": 1.1, "high": 1.3, "n": 20}
    return event("personal", arm, step, hit=share(hit), leak=share(0.1), stated=None, distance=distance, moved=share(0.25),
                 variety=None, others={"accuracy": share(0.6)}, before={"accuracy": share(0.7)},
                 damage={"kept": share(0.86), "fd": None})  # fmt: skip


def test_a_subject_its_leak_and_other_prompts() -> None:
    view = JobView("r", {})
    view.apply(personal("nano/dmd2", 10, 0.5))
    assert with_without_table.table(view, "personalize")["rows"][0]["cells"][0] == ("50 %", "[40–60]")  # type: ignore[index]
    for arm in ("nano/dmd2", "hybrid-1"):
        view.apply(personal(arm, 20))
    assert "80 % [70–90] of its pictures show the subject, 10 % [0–20] of its class" in view.log[-1][1]
    reader = {"features": "the world's oracle", "found": share(0.9), "mistaken": share(None)}
    view.finish({"rows": view.sides, "reader": reader})
    table = with_without_table.table(view, "personalize")
    assert table is not None and len(table["rows"]) == 2
    assert "the world's oracle, which knows 90% [80% to 100%] of pictures held back, and takes – of" in table["about"]
    assert dict(zip(table["columns"], table["rows"][0]["cells"], strict=True)) == {
        "subject shown": ("80 %", "[70–90]"), "leak": ("10 %", "[0–20]"), "rest right": ("–", ""),
        "distance": ("1.23", "[1.10–1.30]"), "others right": ("60 %", "[50–70]"), "without it": ("70 %", "[60–80]"),
        "kept": ("86 %", "[76–96]"), "moved": ("0.25", "[0.15–0.35]"), "FD over before": ("–", ""),
    }  # fmt: skip
    assert with_without_table.table(view, "study") is None
    (panel,) = numbers.numbers(view)
    assert [(value, name) for value, _, name in panel["values"]] == [
        ("80 %", "subject shown"), ("10 %", "leak"), ("60 %", "others right")]  # fmt: skip
    assert json.loads(panel["figure"])["data"][0]["x"] == [10, 20]


def test_rows_of_a_study_are_no_arms_of_a_training() -> None:
    view = JobView("r", {})
    view.finish({"rows": [{"arm": "student", "accuracy": share(0.5)}, {"pair": 3}]})
    assert view.sides == []


def test_what_few_subjects_have_is_a_column_of_theirs_alone() -> None:
    view = JobView("r", {})
    view.apply(personal("teacher", 10))
    assert "all of it" not in with_without_table.table(view, "personalize")["columns"]  # type: ignore[index]
    view.apply(personal("hybrid-1", 10) | {"shown": share(0.8), "told": share(0.7)})
    table = with_without_table.table(view, "personalize")
    assert table is not None and table["columns"][-2:] == ["all of it", "told in known words"]
    assert [row["cells"][-2:] for row in table["rows"]] == [
        [("–", ""), ("–", "")], [("80 %", "[70–90]"), ("70 %", "[60–80]")]
    ]  # fmt: skip


def test_a_terminal_says_the_last_step_alone() -> None:
    rows = [personal("nano/dmd2", 10, 0.1), personal("nano/dmd2", 20), personal("hybrid-1", 20, None)]
    found = measured_arms.told({"rows": rows})
    assert found is not None
    heads, cells, reader = found
    assert (heads[:3], reader, len(cells)) == (["model", "subject shown", "leak"], "", 2)
    assert [row[1] for row in cells] == ["80% [70% to 90%]", "–"] and cells[0][4] == "1.23 [1.10 to 1.30]"
    assert measured_arms.told({"shown": {}}) is None and measured_arms.told({}) is None


@pytest.mark.parametrize(
    ("state", "request_", "words"),
    [
        ("running", {}, "at the end, on the teacher"),
        ("done", {"measure_every": 0}, "is not measured"),
        ("failed", {}, "ended before"),
    ],
)
def test_until_then_a_sentence(state: str, request_: dict[str, Any], words: str) -> None:
    view = JobView("r", {})
    view.state, view.request = state, request_
    assert words in with_without_table.waiting(view, "controlnet")
    assert with_without_table.waiting(view, "distill") == ""


@pytest.mark.parametrize(
    ("kind", "request_", "words"),
    [
        ("unlearn", {"steps": 400}, "on its model on the way, and at the end"),
        ("unlearn", {"steps": 400, "measure_every": 400}, "measured at the end, on the teacher"),
        ("controlnet", {"steps": 400, "measure_every": 100}, "on its model on the way, and at the end"),
        ("controlnet", {"steps": 400}, "measured at the end, on the teacher"),
    ],
)
def test_when_it_is_measured_follows_from_how_often(kind: str, request_: dict[str, Any], words: str) -> None:
    view = JobView("r", request_)
    view.state = "running"
    assert words in with_without_table.waiting(view, kind)


def test_an_unlearning_is_a_table_while_it_runs() -> None:
    view = JobView("r", {})
    view.apply(event("unlearned", "nano/dmd2", 40, hit=share(0.25), hit_before=share(0.75)))
    table = with_without_table.table(view, "unlearn")
    assert table is not None and [cell[0] for cell in table["rows"][0]["cells"][:2]] == ["75 %", "25 %"]
