"""What a slider run shows of its measurements: events and results folded into a table, and what stands there before."""

from __future__ import annotations

from typing import Any

import pytest

from studio.jobs.events import EventLog
from studio.jobs.jobs import Jobs
from studio.ui.jobs import slider_table
from studio.ui.jobs.background import Background
from studio.ui.jobs.view import JobView


def row(model: str = "test/teacher", step: int = 200, calibrated: bool = False, strengths: tuple[float, ...] = (-1, 0, 1),
        **changed: Any) -> dict[str, Any]:  # fmt: skip
    points = [{"strength": float(s), "amount": 0.1 * s, "low": 0.1 * s - 0.02, "high": 0.1 * s + 0.03, "accuracy": 0.9,
               "in_distribution": 1.0} for s in strengths]  # fmt: skip
    return {"model": model, "title": model.title(), "role": "teacher", "step": step, "scale": 2.0 if calibrated else 1.0,
            "calibrated": calibrated, "unit": "share of the picture", "n": 32, "points": points,
            "slope": {"value": 0.1, "low": 0.08, "high": 0.12, "n": 32}, "spearman": -0.5, "even": [-1.0, 1.0],
            "accuracy_change": 0.0, **changed}  # fmt: skip


def seen(*rows: dict[str, Any], **request: Any) -> JobView:
    view = JobView("20260131-093000-123-abcdef", {"steps": 200, "measure_every": None, **request})
    view.apply({"kind": "state", "state": "running", "time": 1.0})
    for number, one in enumerate(rows):
        view.apply({**one, "kind": "response", "n": number, "time": 2.0})
    return view


def test_on_the_way_its_own_model_is_shown_by_step() -> None:
    found = slider_table.table(seen(row(step=50), row(step=100)))
    assert found is not None
    assert found["strengths"] == ["−1", "0", "1"]
    assert [line["when"] for line in found["rows"]] == ["step 50", "step 100"]
    assert "adapter's own scale until" in found["about"]
    first = found["rows"][0]
    assert first["cells"][0] == ("−0.100", "[−0.120 to −0.070]")
    assert (first["slope"], first["spearman"], first["even"]) == (("0.100", "[0.080–0.120]"), "−0.50", "−1 to 1")
    assert slider_table.table(seen()) is None


def test_at_the_end_every_model_is_shown_at_calibrated_strengths() -> None:
    student = row("test/student", calibrated=True, role="student", strengths=(-2, -1, 0, 1, 2))
    view = seen(row(), row(calibrated=True), student)
    view.finish({"responses": [row(), row(calibrated=True), student],
                 "calibration": {"sentence": "Strength 1 is scale 2.", "scale": 2.0}})  # fmt: skip
    found = slider_table.table(view)
    assert found is not None
    assert [(line["model"], line["when"]) for line in found["rows"]] == [("Test/Teacher", ""), ("Test/Student", "")]
    assert [line["tone"] for line in found["rows"]] == ["--arm-teacher", "--arm-student"]
    assert found["strengths"] == ["−2", "−1", "0", "1", "2"]
    assert found["rows"][0]["cells"][0] == ("–", "")  # the teacher was not measured there
    assert found["about"].startswith("Mean of 32 pictures a strength, in share of the picture, the same seeds at each")
    assert found["about"].endswith("Strength 1 is scale 2.")


def test_a_measurement_over_more_strengths_takes_the_place_of_the_first() -> None:
    wide = row(strengths=(-4, -1, 0, 1, 4))
    assert len(seen(row(), wide).responses) == 1
    assert len(seen(wide, row()).responses[0]["points"]) == 5
    assert len(seen(row(), row(calibrated=True)).responses) == 2


def test_what_could_not_be_computed_is_a_dash() -> None:
    nothing = {"value": None, "low": None, "high": None}
    found = slider_table.table(seen(row(slope=nothing, spearman=None, even=[0.0, 0.0])))
    assert found is not None
    line = found["rows"][0]
    assert (line["slope"], line["spearman"], line["even"]) == (("–", ""), "–", "–")


def test_the_log_says_the_slope() -> None:
    assert seen(row()).log[-1][1] == "Test/Teacher: slope 0.100 [0.080–0.120] a unit of strength"


@pytest.mark.parametrize(
    ("request_", "state", "words"),
    [({}, "running", "is measured at the end"), ({"measure_every": 50}, "running", "every 50 steps and at the end"),
     ({"measure_every": 200}, "running", "is measured at the end"), ({"measure_every": 0}, "running", "is not measured"),
     ({}, "cancelled", "ended before"), ({}, "paused", "is measured at the end")],
)  # fmt: skip
def test_before_anything_is_measured_it_says_when(request_: dict[str, Any], state: str, words: str) -> None:
    view = seen(**request_)
    view.state = state
    assert words in slider_table.waiting(view, "slider")
    assert slider_table.waiting(view, "distill") == ""


def test_the_panel_carries_the_table_of_a_slider_run(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"name": "size", "base": "test/teacher", "attribute": "size", "steps": 200}
    monkeypatch.setattr("studio.capabilities.sliders.request.SliderRequest.check_models", lambda self, registry: None)
    monkeypatch.setattr("studio.capabilities.sliders.request.SliderRequest.check_submitted", lambda *_: None)
    run_id = jobs.submit("slider", config)
    background = Background(jobs)
    before = background.detail(run_id)
    assert before["response"] is None
    assert "measured at the end" in before["response_wait"]
    with EventLog(jobs.paths.run(run_id) / "events.jsonl") as log:
        log.write("response", **{k: v for k, v in row().items() if k != "n"})
    after = background.detail(run_id)
    assert after["response"]["rows"][0]["slope"] == ("0.100", "[0.080–0.120]")
    assert (after["teaches"], after["measuring"]) == (False, False)


def test_what_nobody_could_read_says_so_at_the_end() -> None:
    view = seen()
    assert "is measured at the end" in slider_table.waiting(view, "slider")
    view.finish({"responses": [], "calibration": {"sentence": "Nobody reads what it moves.", "scale": 1.0}})
    assert slider_table.waiting(view, "slider") == "Nobody reads what it moves."
