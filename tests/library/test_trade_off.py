"""The engineer's sentence: what it says, and what it does not say."""

from __future__ import annotations

from typing import Any

import pytest

from studio.library.trade_off import sentences


def interval(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high}


def arm(name: str, seconds: float | None, accuracy: tuple[float, float, float] = (0.95, 0.9, 0.98)) -> dict[str, Any]:
    return {"arm": name, "label": name, "nfe": 4, "seconds_per_image": seconds, "measures": {"accuracy": interval(*accuracy)}}


ARMS = [arm("teacher", 0.91), arm("student", 0.16), arm("hybrid-1", 0.17)]


def row(**other: Any) -> dict[str, Any]:
    return {"arm": "hybrid-1", "holds": "holds", "value": 0.7, "low": 0.57, "high": 0.82, "loss": interval(0.25, 0.15, 0.35),
            "gain": interval(0.17, 0.1, 0.25), "change": interval(-0.31, -0.4, -0.2), **other}  # fmt: skip


def test_speed_cost_and_choice_are_said_with_their_intervals() -> None:
    assert sentences(ARMS, [row()]) == [
        "The student is 5.7 × faster, 0.16 s against 0.91 s a picture on this machine, diversity -31 % [-40 to -20].",
        "Choose the hybrid if variety over seeds matters: it gives back 57 to 82 % of what was lost at the student's time "
        "(0.17 s a picture).",
    ]


@pytest.mark.parametrize(
    ("found", "choice"),
    [
        (row(loss=interval(0.05, -0.02, 0.12), change=interval(-0.06, -0.15, 0.03)), "which is not proof of none"),
        (row(loss=interval(-0.1, -0.2, -0.05)), "no less diverse"),
        (row(gain=interval(0.03, -0.05, 0.1)), "whether the hybrid gives any back is not settled"),
        (row(low=None, high=None), "some of what was lost, how much is not settled"),
        (row(holds="too few to say"), "too few samples to choose by"),
    ],
)
def test_what_is_not_settled_is_not_claimed(found: dict[str, Any], choice: str) -> None:
    assert choice in sentences(ARMS, [found])[1]


def test_nothing_is_said_of_what_was_not_measured() -> None:
    assert sentences(ARMS[1:], [row()]) == [] and sentences([], []) == []
    assert sentences([arm("teacher", None), arm("student", 0.1)], []) == []
    assert sentences(ARMS, []) == ["The student is 5.7 × faster, 0.16 s against 0.91 s a picture on this machine."]
    without = [arm("teacher", None), arm("student", None), arm("hybrid-1", None)]
    assert sentences(without, [row()])[0] == "Diversity -31 % [-40 to -20]."
    assert "for 4 NFE a picture" in sentences(without, [row()])[1]


def test_results_of_before_have_no_share_and_are_said_as_a_difference() -> None:
    old = row()
    del old["change"]
    assert "diversity lower by 0.25 [0.15–0.35]." in sentences(ARMS, [old])[0]


def test_a_lower_accuracy_and_a_higher_price_stand_beside_the_choice() -> None:
    dear = [ARMS[0], ARMS[1], arm("hybrid-1", 0.32, (0.7, 0.6, 0.78))]
    said = sentences(dear, [row()])[1]
    assert "for 2.0 × the student's time (0.32 s a picture)" in said
    assert "its accuracy is lower, 70 % [60–78] against 95 %" in said


def test_a_slow_student_is_called_slow_and_a_judge_is_named() -> None:
    assert sentences([arm("teacher", 0.1), arm("student", 0.2)], [])[0].startswith("The student is 2.0 × slower")
    assert "by the CLIP" in sentences(ARMS, [row()], by="CLIP")[0]
