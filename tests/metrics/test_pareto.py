import json
import subprocess
import sys

import pytest
import torch

from studio.metrics.interval import Estimate, Interval
from studio.metrics.pareto import front
from tests.support.properties import given, settings, st

COMMON = torch.randn(500, generator=torch.Generator().manual_seed(0)).double()


def point(name, diversity, accuracy=0.98, nfe=4, width=0.02):
    return {
        "name": name,
        "diversity": Interval(diversity, diversity - width, diversity + width, 64).to_dict(),
        "accuracy": Interval(accuracy, accuracy - 0.01, accuracy + 0.01, 64),
        "nfe": nfe,
    }


def status(points, **options):
    return {r["name"]: r["status"] for r in front(points, **options)}


def test_three_answers():
    points = [point("teacher", 0.7, nfe=50), point("student", 0.4), point("hybrid", 0.61), point("near", 0.63)]
    rows = {r["name"]: r for r in front(points)}
    json.dumps(rows, allow_nan=False)
    assert rows["teacher"]["status"] == "front"
    assert rows["student"]["status"] == "dominated" and rows["student"]["dominated_by"] == ["hybrid", "near"]
    assert rows["hybrid"]["status"] == "undecided" and rows["hybrid"]["challenged_by"] == ["near"]
    assert not rows["hybrid"]["best_guess"] and rows["near"]["best_guess"]


def test_cost_alone_decides_between_equals():
    exact = {"diversity": 0.5, "accuracy": 0.9}
    assert status([{"name": "a", "nfe": 4, **exact}, {"name": "b", "nfe": 5, **exact}]) == {"a": "front", "b": "dominated"}
    assert status([{"name": "a", "nfe": 4, **exact}, {"name": "b", "nfe": 4, **exact}]) == {"a": "front", "b": "front"}


def test_a_small_loss_of_accuracy_is_none_and_a_large_one_protects():
    assert status([point("worse", 0.6, accuracy=0.96), point("right", 0.4, accuracy=0.98)])["right"] == "dominated"
    assert status([point("worse", 0.6, accuracy=0.80), point("right", 0.4, accuracy=0.98)])["right"] == "front"
    strict = status([point("worse", 0.6, accuracy=0.96), point("right", 0.4, accuracy=0.99)], margins={})
    assert strict["right"] == "front"


def test_paired_draws_decide_what_overlapping_intervals_cannot():
    low = Estimate.centred(0.50, 0.50 + 0.05 * COMMON, 64)
    high = Estimate.centred(0.53, 0.53 + 0.05 * COMMON, 64)
    paired = [{"name": "low", "diversity": low}, {"name": "high", "diversity": high}]
    assert status(paired, axes={"diversity": "up"})["low"] == "dominated"
    apart = [{"name": p["name"], "diversity": p["diversity"].interval()} for p in paired]
    assert status(apart, axes={"diversity": "up"}) == {"low": "undecided", "high": "undecided"}


def test_a_missing_figure_is_said_and_takes_no_part():
    rows = front([point("a", 0.4), {**point("b", 0.9), "accuracy": Interval(None)}])
    assert rows[1]["status"] == "unknown" and rows[1]["note"] == "no figure for accuracy"
    assert rows[0]["status"] == "front"
    no_ends = front([point("a", 0.4), {**point("b", 0.9), "diversity": Interval(0.9, n=2)}])
    assert [r["status"] for r in no_ends] == ["undecided", "undecided"]


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.integers(1, 50)), max_size=7))
def test_with_exact_numbers_it_is_the_textbook_front(values):
    points = [{"name": i, "diversity": d, "accuracy": a, "nfe": c} for i, (d, a, c) in enumerate(values)]
    for row, p in zip(front(points, margins={}), values, strict=True):
        beaten = any(
            q[0] >= p[0] and q[1] >= p[1] and q[2] <= p[2] and (q[0] > p[0] + 1e-9 or q[1] > p[1] + 1e-9 or q[2] < p[2])
            for q in values
        )
        close = any(0 < abs(q[i] - p[i]) < 1e-8 for q in values for i in (0, 1))  # ties within rounding
        assert close or row["status"] == ("dominated" if beaten else "front")
        assert close or row["best_guess"] == (not beaten)


def test_needs_no_torch():
    code = "import sys, studio.metrics.pareto; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_errors():
    with pytest.raises(ValueError, match="share the name a"):
        front([point("a", 0.4), point("a", 0.5)])
    with pytest.raises(ValueError, match="'up' or 'down'"):
        front([], axes={"diversity": "sideways"})
    with pytest.raises(ValueError, match="none may be below 0"):
        front([], margins={"nfe": -1})
    assert front([]) == []
