"""The table of a ControlNet or a word in the jobs panel."""

from __future__ import annotations

from typing import Any

import pytest

from studio.ui.jobs import with_without_table
from studio.ui.jobs.view import JobView


def share(value: float | None) -> dict[str, Any]:
    return {"value": value, "low": value and value - 0.1, "high": value and value + 0.1, "n": 20}


def event(kind: str, arm: str, step: int, **found: Any) -> dict[str, Any]:
    return {"n": 1, "time": 0.0, "kind": kind, "arm": arm, "title": arm.title(), "step": step, "nfe": 4, **found}


def test_a_word_with_it_told_and_without() -> None:
    view = JobView("r", {})
    assert with_without_table.table(view, "word") is None
    view.apply(event("shown", "teacher", 5, **{"with": {"shown": share(0.2), "accuracy": share(1.0)}}))
    for arm in ("teacher", "hybrid-1"):
        found = {
            "with": {"shown": share(0.8), "accuracy": share(0.9)},
            "told": {"shown": share(0.7)},
            "without": {"shown": share(None)},
        }
        view.apply(event("shown", arm, 10, **found))
    table = with_without_table.table(view, "word")
    assert table is not None
    assert table["columns"] == ["with", "told", "without", "rest right"]
    first, second = table["rows"]  # the last step alone
    assert (first["model"], first["when"], second["tone"]) == ("Teacher", "4 evaluations", "--arm-hybrid-1")
    assert first["cells"] == [("80 %", "[70–90]"), ("70 %", "[60–80]"), ("–", ""), ("90 %", "[80–100]")]
    assert with_without_table.table(view, "slider") is None


def test_a_controlnet_measured_again_is_shown_once() -> None:
    view = JobView("r", {})
    for where in (0.3, 0.6):
        side = {"agreement": {"where": share(where), "position": share(1.0), "horizon": share(0.9)}, "accuracy": share(0.5)}
        view.apply(event("agreement", "pocket/dmd2", 8, **{"with": side, "without": side}))
    table = with_without_table.table(view, "controlnet")
    assert table is not None
    assert [cell[0] for cell in table["rows"][0]["cells"]] == ["60 %", "60 %", "100 %", "90 %", "50 %"]


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
    assert words in with_without_table.waiting(view, "word")
    assert with_without_table.waiting(view, "distill") == ""
