"""Events of a background run folded into curves, strips, figures and a log; and the figures drawn from them."""

from __future__ import annotations

import json
import re
from typing import Any

import plotly.graph_objects as go
import pytest

from studio.ui import curves
from studio.ui.jobview import MAX_POINTS, JobView


def progress(step: int, raw: float | None = 1.0) -> dict[str, Any]:
    return {"n": step, "time": 0.0, "kind": "progress", "done": step, "total": 100, "step": step, "steps": 100,
            "losses": {"student": raw, "fake": 0.2}, "smooth": {"student": 0.5, "fake": 0.2}}  # fmt: skip


def measure(step: int, n: int, accuracy: float, arm: str = "student") -> dict[str, Any]:
    around = {"value": accuracy, "low": accuracy - 0.1, "high": accuracy + 0.05}
    return {"kind": "measure", "arm": arm, "step": step, "sampling_steps": n,
            "measures": {"accuracy": around, "diversity": around, "fd_oracle": 10.0}}  # fmt: skip


def seen(*events: dict[str, Any]) -> JobView:
    view = JobView("20260131-093000-123-abcdef", {"objective": "dmd2"})
    for event in events:
        view.apply(event)
    return view


def test_a_run_that_goes_back_to_its_checkpoint_writes_its_curve_once() -> None:
    view = seen(*(progress(s) for s in (1, 2, 3, 4)), progress(3, 9.0), progress(5, 9.0))
    assert [(p.step, p.raw) for p in view.curves["student"]] == [(1, 1.0), (2, 1.0), (3, 9.0), (5, 9.0)]


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    view = seen(*(progress(s) for s in range(1, MAX_POINTS + 10)))
    curve = view.curves["student"]
    assert len(curve) <= MAX_POINTS
    assert (curve[0].step, curve[-1].step) == (1, MAX_POINTS + 9)
    shown = curves.thinned(curve, 100)
    assert len(shown) <= 102 and (shown[0], shown[-1]) == (curve[0], curve[-1])


def test_events_of_other_kinds_are_passed_over_and_the_log_says_what_happened() -> None:
    view = seen({"kind": "news"}, {"kind": "state", "state": "running", "time": 1.0}, measure(10, 4, 0.8),
                {"kind": "student", "id": "mine/x"})  # fmt: skip
    assert view.student == "mine/x"
    assert [text for _, text in view.log][0] == "running"
    assert "accuracy 80 % [70–85], diversity 0.80" in view.log[1][1]


def parsed(text: str) -> dict[str, Any]:
    go.Figure(json.loads(re.sub(r'"--[a-z0-9-]+"', '"#123456"', text)))  # plotly checks every property and value
    return json.loads(text)


def test_the_loss_figure_has_raw_and_smoothed_and_calls_a_surrogate_one() -> None:
    view = seen(progress(1), progress(2, None), progress(3))
    figure = parsed(curves.loss_figure(view, "distribution") or "")
    student = [trace for trace in figure["data"] if trace["name"] == "student"]
    assert [trace["y"] for trace in student] == [[1.0, None, 1.0], [0.5, 0.5, 0.5]]
    assert "a surrogate" in figure["layout"]["annotations"][0]["text"]
    assert "surrogate" not in (curves.loss_figure(view, "trajectory") or "")
    assert "surrogate" in curves.caution("distribution") and not curves.caution("trajectory")


def test_figures_over_training_have_a_line_a_step_count_and_the_teacher_dotted() -> None:
    view = seen(measure(0, 25, 0.97, "teacher"), measure(10, 1, 0.3), measure(10, 4, 0.5), measure(20, 4, 0.7))
    figure = parsed(curves.measures_figure(view) or "")
    top = [trace for trace in figure["data"] if trace["yaxis"] == "y"]
    assert [(trace["name"], trace["x"]) for trace in top] == [("4 steps", [10, 20]), ("1 step", [10])]
    assert top[0]["y"] == [50.0, 70.0]
    assert top[0]["error_y"]["arrayminus"] == pytest.approx([10, 10])
    assert [round(shape["y0"]) for shape in figure["layout"]["shapes"]][0] == 97


def test_nothing_yet_draws_nothing() -> None:
    assert curves.loss_figure(seen(progress(1))) is None
    assert curves.measures_figure(seen()) is None
