"""Events of a background run folded into curves, strips, figures and a log; and the figures drawn from them."""

from __future__ import annotations

import json
import re
from typing import Any

import plotly.graph_objects as go
import pytest

from studio.ui.jobs import curves, numbers
from studio.ui.jobs.strips import beliefs
from studio.ui.jobs.view import JobView


def row(step: int, raw: float | None = 1.0, **log: float | None) -> dict[str, Any]:
    return {"step": step, "losses": {"student": raw, "fake": 0.2}, "smooth": {"student": 0.5, "fake": 0.2}, "log": log}


def measure(step: int, n: int, accuracy: float, arm: str = "student") -> dict[str, Any]:
    around = {"value": accuracy, "low": accuracy - 0.1, "high": accuracy + 0.05}
    return {"kind": "measure", "arm": arm, "step": step, "sampling_steps": n,
            "measures": {"accuracy": around, "diversity": around, "fd_oracle": 10.0}}  # fmt: skip


def seen(*events: dict[str, Any]) -> JobView:
    view = JobView("20260131-093000-123-abcdef", {"objective": "dmd2"})
    for event in events:
        view.apply(event)
    return view


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    shown = curves.thinned(list(range(1, 4010)), 100)
    assert len(shown) <= 102 and (shown[0], shown[-1]) == (1, 4009)


def test_a_symptom_is_shown_once_apart_from_notices() -> None:
    sign = {
        "kind": "notice",
        "text": "At step 20: it lags. Wait.",
        "symptom": "lags",
        "step": 20,
        "seen": "it lags.",
        "remedy": "Wait.",
    }
    view = seen(
        sign, {**sign, "step": 30, "text": "At step 30: it lags. Wait."}, {"kind": "notice", "text": "The name was taken."}
    )
    view.finish({"notices": [sign["text"], "The name was taken.", "Something else."]})
    assert [(s["step"], s["seen"]) for s in view.symptoms.values()] == [(20, "it lags.")]
    assert view.notices == ["The name was taken.", "Something else."]
    assert sum("it lags" in text for _, text in view.log) == 1


def test_beliefs_are_kept_by_step_and_the_teacher_in_few_steps_is_another() -> None:
    triple = {"kind": "triple", "triple": "artifacts/beliefs/00000010.jpg", "of": "teacher", "guidance": 1.0, "prompts": ["a"],
              "rows": ["noised", "teacher", "student"], "columns": [{"t": 999.0, "noise": 14.6}], "seed": 0}  # fmt: skip
    view = seen({**triple, "step": 10}, {**triple, "step": 10}, {**triple, "step": 5}, measure(0, 25, 0.9, "teacher"),
                measure(0, 4, 0.6, "teacher in few steps"))  # fmt: skip
    found = beliefs(view)
    assert found is not None
    assert [s["step"] for s in found["steps"]] == [5, 10]
    assert [row[:2] for row in found["rows"]][1:] == [["Teacher", "x̂₀ from xₜ"], ["Student", "x̂₀ from xₜ"]]
    assert (found["columns"], found["levels"]) == (["t = 999"], ["noise 15×"])
    assert beliefs(seen()) is None
    assert view.teacher_measures and list(view.teacher_few) == [4]
    assert "the teacher in 4 steps: accuracy 60 %" in view.log[1][1]
    figure = parsed(curves.measures_figure(seen(*[measure(0, 25, 0.9, "teacher"), measure(0, 4, 0.6, "teacher in few steps"),
                                                 measure(10, 4, 0.5)])) or "")  # fmt: skip
    assert sorted(round(shape["y0"]) for shape in figure["layout"]["shapes"] if shape["yref"] == "y") == [60, 90]


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
    view = seen()
    view.rows = [row(1), row(2, None), row(3)]
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
    view = seen()
    view.rows = [row(1)]
    assert curves.loss_figure(view) is None
    assert numbers.numbers(view) == []
    assert curves.measures_figure(seen()) is None


def small(*rows: dict[str, Any]) -> dict[str, dict[str, Any]]:
    view = seen()
    view.rows = list(rows)
    return {found["title"]: found for found in numbers.numbers(view)}


def test_numbers_are_grouped_and_what_repeats_a_loss_is_left_out() -> None:
    log = {"fake/grad_norm": 0.4, "student/grad_norm": 160.0, "normaliser": 0.5, "direction": 0.8, "v_mse": 1.0, "odd_one": 3.0}
    found = small(*(row(step, 1.0, **log) for step in (1, 2, 3)))
    assert list(found) == ["Gradient sizes", "Normaliser n", "Direction |A| / n", "Odd one"]
    gradients = parsed(found["Gradient sizes"]["figure"])
    assert [trace["name"] for trace in gradients["data"]] == ["Student", "Fake score"]
    assert gradients["layout"]["yaxis"]["type"] == "log"
    assert [(v, name) for v, _, name in found["Gradient sizes"]["values"]] == [("160", "Student"), ("0.4", "Fake score")]
    assert found["Normaliser n"]["values"][0][0] == "0.5"


def test_a_discriminator_has_its_coin_and_a_ratio_its_band() -> None:
    log = {"discriminator_right": 0.625, "ratio_low": 0.5, "ratio_high": 2.5}
    found = small(*(row(step, 2.0, **log) for step in (1, 2)))
    assert list(found) == ["Discriminator", "Density ratio r"]
    assert found["Discriminator"]["values"][0][0] == "62 %"
    assert parsed(found["Discriminator"]["figure"])["layout"]["shapes"][0]["y0"] == 50.0
    assert [v for v, _, _ in found["Density ratio r"]["values"]] == ["0.5", "2.5"]
    assert parsed(found["Density ratio r"]["figure"])["data"][1]["fill"] == "tonexty"


def test_numbers_that_were_not_finite_or_seen_once_are_passed_over() -> None:
    found = small(row(1, 1.0, normaliser=None), row(2, 1.0, normaliser=0.5, late=1.0), row(3, 1.0, normaliser=0.4))
    assert list(found) == ["Normaliser n"]
    assert parsed(found["Normaliser n"]["figure"])["data"][0]["x"] == [2, 3]


def test_contrast_against_the_teacher_is_drawn_from_the_strips() -> None:
    strip = {"kind": "strip", "arm": "student", "strip": "artifacts/x.jpg", "sampling_steps": 4}
    view = seen(
        {**strip, "step": 0, "contrast": 1.0}, {**strip, "step": 10, "contrast": 1.3}, {**strip, "step": 20, "contrast": None}
    )
    (found,) = numbers.numbers(view)
    assert (found["title"], found["values"][0][0]) == ("Contrast", "1.3")
    assert parsed(found["figure"])["data"][0]["y"] == [1.0, 1.3]
