"""Verdicts that search: each can come out each way, and the best of many is judged more strictly than one alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from studio.metrics import verdicts_search
from studio.metrics.masks import all_masks
from studio.metrics.study import PooledArm
from tests.support.synthetic_readings import arm, arms

STUDENT = {"student": (0.40, 0.96)}


def judged(row: dict[str, Any], id: str) -> str:
    json.dumps(row, allow_nan=False)
    assert row["id"] == id and row["verdict"] in row["sentence"] and row["effect"] == row["interval"]["value"]
    return str(row["verdict"])


def measured(**values: tuple[float, float]) -> dict[str, PooledArm]:
    """Arms with a little noise of their own; _ in a name stands for -."""
    return {n.replace("_", "-"): arm(n.replace("_", "-"), d, a, accuracy_sd=0.005) for n, (d, a) in values.items()}


@pytest.mark.parametrize(
    ("cells", "verdict"),
    [
        ({"t1": (0.55, 0.95), "t2": (0.41, 0.96)}, "holds"),
        ({"t1": (0.55, 0.80), "t2": (0.40, 0.96)}, "does not hold"),  # bought with errors, and nothing
        ({"t1": (0.30, 0.96), "t2": (0.35, 0.96)}, "does not hold"),
        ({"t1": (0.455, 0.90), "t2": (0.40, 0.96)}, "inconclusive"),  # more diverse, perhaps less accurate
    ],
)
def test_a_hand_over_at_the_students_cost(cells: dict[str, tuple[float, float]], verdict: str) -> None:
    row = verdicts_search.s2_best(measured(**STUDENT, **cells), list(cells))
    assert judged(row, "S2") == verdict
    assert row["unit"].startswith("D(t") and "best of 2" in row["sentence"]


def test_the_best_of_many_needs_more_than_one_alone() -> None:
    close = {f"t{i}": arm(f"t{i}", 0.431, sd=0.01) for i in range(30)} | arms(student=0.40)
    alone, many = verdicts_search.s2_best(close, ["t3"]), verdicts_search.s2_best(close, [f"t{i}" for i in range(30)])
    assert many["interval"]["high"] - many["interval"]["low"] > 1.3 * (alone["interval"]["high"] - alone["interval"]["low"])
    assert judged(alone, "S2") == "holds" and judged(many, "S2") == "inconclusive"


@pytest.mark.parametrize(
    ("rivals", "verdict"),
    [
        ({"skip_first": (0.60, 0.955), "CADS": (0.45, 0.96)}, "holds"),
        ({"skip_first": (0.62, 0.80), "CADS": (0.45, 0.96)}, "does not hold"),
        ({"skip_first": (0.545, 0.955), "CADS": (0.45, 0.96)}, "inconclusive"),
    ],
)
def test_a_remedy_that_does_as_well(rivals: dict[str, tuple[float, float]], verdict: str) -> None:
    names = [name.replace("_", "-") for name in rivals]
    row = verdicts_search.s5_any(measured(hybrid_1=(0.60, 0.96), **rivals), names, "hybrid-1")
    assert judged(row, "S5") == verdict


def test_nothing_to_compare_is_inconclusive() -> None:
    there = measured(**STUDENT, hybrid_1=(0.6, 0.96))
    for row in (verdicts_search.s2_best(there, []), verdicts_search.s5_any(there, [], "hybrid-1")):
        assert row["verdict"] == "inconclusive" and row["effect"] is None and row["sentence"].endswith(".")
    few = {n: arm(n, 0.5, n=3, prompts=1) for n in ("student", "t1")}
    assert verdicts_search.s2_best(few, ["t1"])["verdict"] == "too few to say"


@pytest.mark.parametrize(
    ("worth", "sd", "verdict"),
    [((0.15, 0.05, 0.03), 0.008, "holds"), ((0.05, 0.15, 0.03), 0.008, "does not hold"),
     ((0.10, 0.095, 0.0), 0.008, "does not hold"), ((0.002, 0.0, 0.0), 0.008, "does not hold"),
     ((0.10, 0.08, 0.0), 0.05, "inconclusive")],
)  # fmt: skip
def test_shapley_values_of_positions(worth: tuple[float, ...], sd: float, verdict: str) -> None:
    """Additive masks: the Shapley value of a position is what it adds."""
    there = {m: arm(m, 0.4 + sum(w for w, c in zip(worth, m, strict=True) if c == "B"), sd=sd) for m in all_masks(3)}
    there["teacher"] = arm("teacher", 0.7)
    row = verdicts_search.s4_shapley(there, {m: m for m in all_masks(3)})
    assert judged(row, "S4") == verdict
    assert row["effect"] == pytest.approx(worth[0] - max(worth[1:]), abs=1e-9) and "1: " in row["sentence"]


def test_errors() -> None:
    with pytest.raises(ValueError, match="no arm 't9'"):
        verdicts_search.s2_best(measured(**STUDENT), ["t9"])
    with pytest.raises(ValueError, match="masks do not fit"):
        verdicts_search.s4_shapley({"BS": arm("BS", 0.5)}, {"BS": "BS"})
