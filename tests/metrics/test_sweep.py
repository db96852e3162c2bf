import json

import pytest
import torch

from studio.metrics.interval import Estimate
from studio.metrics.study import pooled_arms
from studio.metrics.sweep import guidance_sweep, k_sweep, pareto_points, position_sweep, trend
from tests.support.synthetic_readings import arm, arms, estimate

K = {0: "student", 1: "hybrid-1", 2: "hybrid-2"}


def test_k_sweep_rows_references_and_what_is_missing():
    measured = arms(teacher=0.7, student=0.4, hybrid_1=0.6)
    out = k_sweep(measured, K, references=["teacher", "teacher-50"], costs={"teacher": 50, "student": 4, "hybrid-1": 4})
    json.dumps(out, allow_nan=False)
    assert [(p["x"], p["arm"], p["cost"]) for p in out["points"]] == [(0, "student", 4), (1, "hybrid-1", 4)]
    assert out["points"][0]["gain"]["value"] == 0 and out["points"][0]["recovery"] is None
    assert out["points"][1]["gain"]["value"] == pytest.approx(0.2)
    assert out["points"][1]["recovery"]["value"] == pytest.approx(2 / 3)
    assert [r["arm"] for r in out["references"]] == ["teacher"] and "accuracy" in out["references"][0]
    assert out["missing"] == ["hybrid-2", "teacher-50"] and out["trend"] is None


def test_the_student_is_the_arm_at_zero():
    measured = {"k = 0": arm("k = 0", 0.4), "k = 1": arm("k = 1", 0.5), "t": arm("t", 0.7)}
    out = k_sweep(measured, {0: "k = 0", 1: "k = 1"}, teacher="t")
    assert out["points"][1]["gain"]["value"] == pytest.approx(0.1) and out["points"][1]["recovery"]["holds"] == "holds"


def test_sweep_without_student_says_what_is_missing():
    out = k_sweep(arms(hybrid_1=0.6), {1: "hybrid-1"})
    assert out["points"][0]["gain"]["value"] is None and "'student'" in out["points"][0]["gain"]["note"]


def test_position_sweep_leads_and_controls():
    measured = arms(teacher=0.7, student=0.4, BSSS=0.6, SBSS=0.5, SSBS=0.42, skip_first=0.55)
    by_position = {0: "BSSS", 1: "SBSS", 2: "SSBS", 3: "SSSB"}
    out = position_sweep(measured, by_position, controls=["skip-first", "student-first"], costs={})
    json.dumps(out, allow_nan=False)
    assert [p["gain"]["value"] for p in out["points"]] == pytest.approx([0.2, 0.1, 0.02])
    assert [(r["arm"], r["lead"]["value"]) for r in out["leads"]] == [("SBSS", pytest.approx(0.1)), ("SSBS", pytest.approx(0.18))]
    assert out["controls"][0]["gain"]["value"] == pytest.approx(0.15)
    assert out["missing"] == ["SSSB", "student-first"]


def test_guidance_counts_the_plain_prediction_once_and_draws_a_front():
    by_w = {0.0: "w0", 1.0: "w1", 3.0: "w3", 5.0: "w5"}
    measured = {name: arm(name, d) for name, d in {"w0": 0.6, "w1": 0.6, "w3": 0.52, "w5": 0.45, "student": 0.4}.items()}
    costs = {"w0": 4, "w1": 4, "w3": 5, "w5": 5, "student": 4}
    out = guidance_sweep(measured, by_w, references=["student"], costs=costs)
    json.dumps(out, allow_nan=False)
    assert [(p["x"], p["arm"]) for p in out["points"]] == [(1, "w1"), (3, "w3"), (5, "w5")]
    assert out["trend"]["slope"]["high"] < 0 and out["trend"]["spearman"]["value"] == pytest.approx(-1)
    assert len(out["trend"]["falls"]) == 2 and out["trend"]["rises"] == []
    assert {r["name"]: r["status"] for r in out["front"]} == {"w1": "front", "w3": "dominated", "w5": "dominated",
                                                              "student": "dominated"}  # fmt: skip


def test_slope_of_a_line_is_its_slope_and_its_interval_is_the_paired_one():
    points = [(w, estimate(0.8 - 0.03 * w, sd=0.01, seed=10 + i)) for i, w in enumerate([1, 3, 5, 7, 9])]
    out = trend(points)
    assert out["slope"]["value"] == pytest.approx(-0.03) and out["change"]["value"] == pytest.approx(-0.24)
    half = (out["slope"]["high"] - out["slope"]["low"]) / 2
    assert half == pytest.approx(1.96 * 0.01 / 40**0.5, rel=0.15)  # sd / √Σ(w − w̄)²: common noise has no slope


def test_trend_without_a_trend():
    flat = trend([(x, Estimate(0.5, torch.full((50,), 0.5).double(), 64)) for x in range(4)])
    assert flat["spearman"]["value"] is None and "same diversity" in flat["spearman"]["note"]
    assert flat["slope"]["value"] == pytest.approx(0) and flat["falls"] == flat["rises"] == []
    assert trend([(1, estimate(0.5)), (2, estimate(0.6))]) is None
    assert trend([(1, estimate(0.5)), (2, estimate(0.6)), (3, Estimate.missing(1))]) is None


def test_a_dip_is_named():
    out = trend([(x, estimate(d, 0.005, seed=x)) for x, d in enumerate([0.6, 0.5, 0.55, 0.4])])
    assert [(r["from"], r["to"]) for r in out["rises"]] == [(1, 2)] and len(out["falls"]) == 2
    noisy = trend([(x, estimate(d, 0.1, seed=x)) for x, d in enumerate([0.6, 0.5, 0.55, 0.4])])
    assert noisy["rises"] == [] and noisy["spearman"]["low"] < noisy["spearman"]["value"] < noisy["spearman"]["high"]


def test_on_readings(readings, factors):
    """From readings to rows, with the same figures as the collapse table."""
    prompts = {f"p{i}": {a: readings(48, seed=i, power=p) for a, p in {"t": 1.0, "k0": 3.0, "k1": 1.5}.items()} for i in range(3)}
    pooled = pooled_arms(prompts, {p: {"kind": "dog"} for p in prompts}, factors, n_boot=100)
    out = k_sweep(pooled, {0: "k0", 1: "k1"}, teacher="t", references=["t"], costs={"k0": 4, "k1": 4, "t": 50})
    assert out["points"][1]["recovery"]["value"] > 0.3 and out["points"][1]["n"] == 144
    assert out["references"][0]["diversity"]["value"] > out["points"][0]["diversity"]["value"]
    points = pareto_points(pooled, {"k0": 4})
    assert points[0]["nfe"] is None and points[1]["nfe"] == 4 and points[1]["accuracy"].value == 1.0


def test_errors():
    with pytest.raises(ValueError, match="no points"):
        k_sweep({}, {})
    with pytest.raises(ValueError, match="no arm 'b'"):
        pareto_points(arms(a=0.5), {}, ["b"])
