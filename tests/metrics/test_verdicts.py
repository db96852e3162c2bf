"""Statements on arms whose truth is known: each verdict can come out each way."""

import json

import pytest
import torch

from studio.metrics import verdicts
from studio.metrics.interval import Estimate, Interval
from studio.metrics.sweep import trend
from studio.metrics.timeline import distance_curve, typical_distance
from tests.support.synthetic_readings import arm, arms, estimate


def row_is_complete(row, id):
    json.dumps(row, allow_nan=False)
    assert row["id"] == id and row["verdict"] in ("holds", "does not hold", "inconclusive")
    assert row["verdict"] in row["sentence"] or row["effect"] is None
    assert {"statement", "expected", "effect", "interval", "unit", "n", "cautions"} <= set(row)
    assert row["effect"] == row["interval"]["value"] and row["n"] == row["interval"]["n"]
    return row["verdict"]


@pytest.mark.parametrize(
    ("student", "verdict"), [((0.4, 0.96), "holds"), ((0.69, 0.96), "does not hold"), ((0.4, 0.8), "does not hold")]
)
def test_s1(student, verdict):
    row = verdicts.s1(arms(teacher=0.7, student=student))
    assert row_is_complete(row, "S1") == verdict
    assert row["effect"] == pytest.approx(0.7 - student[0])


def test_an_accuracy_that_may_differ_is_no_evidence():
    """Seven points apart, give or take nine: too much to hold, too little to fail."""
    measured = {"teacher": arm("teacher", 0.7), "student": arm("student", 0.4, 0.89, accuracy_sd=0.03)}
    assert row_is_complete(verdicts.s1(measured), "S1") == "inconclusive"


def test_s1_in_the_noise_is_inconclusive():
    measured = {"teacher": arm("teacher", 0.7, sd=0.1), "student": arm("student", 0.6, sd=0.1)}
    assert row_is_complete(verdicts.s1(measured), "S1") == "inconclusive"


@pytest.mark.parametrize("n", [8, 63])
def test_two_prompts_of_four_seeds_give_no_verdict(n):
    """However clear it looks, and whatever it would have been."""
    few = {name: arm(name, d, n=n, prompts=2) for name, d in (("teacher", 0.7), ("student", 0.4), ("hybrid-1", 0.39))}
    for row in (verdicts.s1(few), verdicts.s2(few, "hybrid-1"), verdicts.s3(few, "hybrid-1")):
        assert row["verdict"] == "too few to say" and ": too few to say (" in row["sentence"]
        assert "these 2 prompts alone" in row["sentence"] or row["id"] == "S3"


@pytest.mark.parametrize(("hybrid", "verdict"), [(0.6, "holds"), (0.402, "does not hold"), (0.3, "does not hold")])
def test_s2(hybrid, verdict):
    row = verdicts.s2(arms(teacher=0.7, student=0.4, hybrid_1=hybrid), "hybrid-1")
    assert row_is_complete(row, "S2") == verdict
    assert row["effect"] == pytest.approx(hybrid - 0.4) and "The hybrid-1" in row["sentence"]  # what it recovers, in words
    assert "The hybrid-1" not in verdicts.s2(arms(student=0.4, hybrid_1=hybrid), "hybrid-1")["sentence"]


@pytest.mark.parametrize(
    ("hybrid", "sd", "verdict"),
    [(0.69, 0.01, "holds"), (0.55, 0.01, "does not hold"), (0.9, 0.01, "does not hold"), (0.63, 0.01, "inconclusive")],
)
def test_s3(hybrid, sd, verdict):
    row = verdicts.s3({"teacher": arm("teacher", 0.7), "hybrid-1": arm("hybrid-1", hybrid, sd=sd)}, "hybrid-1")
    assert row_is_complete(row, "S3") == verdict and row["effect"] == pytest.approx(hybrid / 0.7 - 1)


def test_s3_needs_evidence_of_equality():
    """A null that is merely not excluded is not equality."""
    noisy = {"teacher": arm("teacher", 0.7, sd=0.1), "hybrid-1": arm("hybrid-1", 0.7, sd=0.1)}
    assert verdicts.s3(noisy, "hybrid-1")["verdict"] == "inconclusive"


POSITIONS = {0: "BSSS", 1: "SBSS", 2: "SSBS"}


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.6, 0.5, 0.42), "holds"),
        ((0.45, 0.55, 0.42), "does not hold"),  # the second gains more
        ((0.41, 0.35, 0.36), "does not hold"),  # the first leads, but gains nothing
        ((0.5, 0.499, 0.42), "does not hold"),  # two are equal, to a tenth of the loss
        ((0.52, 0.5, 0.42), "inconclusive"),
    ],
)
def test_s4(values, verdict):
    measured = {"teacher": arm("teacher", 0.8, sd=0.005), "student": arm("student", 0.4, sd=0.005)}
    measured |= {n: arm(n, d, sd=0.009) for n, d in zip(POSITIONS.values(), values, strict=True)}
    assert row_is_complete(verdicts.s4(measured, POSITIONS), "S4") == verdict


def test_s4_falls_to_one_sure_rival_even_if_a_vague_one_looks_better():
    measured = {"student": arm("student", 0.4), "BSSS": arm("BSSS", 0.45), "SBSS": arm("SBSS", 0.55, sd=0.3)}
    assert verdicts.s4(measured, {0: "BSSS", 1: "SBSS"})["verdict"] == "inconclusive"
    measured["SSBS"] = arm("SSBS", 0.52)
    assert verdicts.s4(measured, POSITIONS)["verdict"] == "does not hold"


@pytest.mark.parametrize(
    ("reverse", "verdict"), [(0.405, "holds"), (0.55, "does not hold"), (0.3, "holds"), (0.43, "holds"), (0.47, "does not hold")]
)
def test_s4_reverse(reverse, verdict):
    row = verdicts.s4_reverse(arms(teacher=0.7, student=0.4, student_first=reverse), "student-first")
    assert row_is_complete(row, "S4") == verdict


def test_s4_reverse_says_nothing_where_nothing_was_lost():
    row = verdicts.s4_reverse(arms(teacher=0.7, student=0.7, student_first=0.7), "student-first")
    assert row["verdict"] == "inconclusive" and row["effect"] is None


@pytest.mark.parametrize(
    ("skip", "verdict"),
    [((0.61, 0.9), "holds"), ((0.45, 0.9), "does not hold"), ((0.61, 0.96), "does not hold"), ((0.66, 0.9), "inconclusive")],
)
def test_s5(skip, verdict):
    row = verdicts.s5(arms(hybrid_1=(0.6, 0.96), skip_first=skip), "skip-first", "hybrid-1")
    assert row_is_complete(row, "S5") == verdict
    assert f"accuracy by {100 * (skip[1] - 0.96):.1f} points [".replace("-0.0", "0.0") in row["sentence"]


@pytest.mark.parametrize(("sd", "verdict"), [(0.01, "does not hold"), (0.025, "inconclusive")])
def test_s5_accuracy_is_equal_within_five_points_either_way(sd, verdict):
    """One rule, as written: an accuracy that may be seven points higher is not shown to be the same."""
    measured = {"hybrid-1": arm("hybrid-1", 0.6, 0.92), "skip-first": arm("skip-first", 0.61, 0.93, accuracy_sd=sd)}
    row = verdicts.s5(measured, "skip-first", "hybrid-1")
    assert row_is_complete(row, "S5") == verdict


@pytest.mark.parametrize(
    ("values", "sd", "verdict"),
    [
        ([0.6, 0.55, 0.5, 0.42], 0.01, "holds"),
        ([0.4, 0.45, 0.5, 0.55], 0.01, "does not hold"),
        ([0.6, 0.6, 0.601, 0.599], 0.01, "does not hold"),
        ([0.6, 0.45, 0.55, 0.4], 0.01, "does not hold"),  # falls, but not monotonely
        ([0.6, 0.5, 0.55, 0.45], 0.2, "inconclusive"),
    ],
)
def test_s6(values, sd, verdict):
    row = verdicts.s6(trend([(1.0 + 2 * i, estimate(d, sd, seed=i)) for i, d in enumerate(values)]))
    assert row_is_complete(row, "S6") == verdict
    assert ("rises from w = 3 to 5" in row["sentence"]) == (sd == 0.01 and values[2] - values[1] > 0.04)


def test_s6_without_points():
    row = verdicts.s6(None)
    assert row["verdict"] == "inconclusive" and row["effect"] is None


def run(shares, n=60, seed=0):
    """A timeline of samples that have gone `shares` of their way at each step, on one yardstick."""
    g = torch.Generator().manual_seed(seed)
    ends = torch.randn(n, 16, generator=g).double()
    x = torch.tensor(shares)[:, None, None] * ends
    return {"distance": distance_curve([x], [1.0] * len(shares), [typical_distance(ends)])}


@pytest.mark.parametrize(
    ("student", "teacher", "verdict"),
    [
        ([0.8, 0.9, 0.95, 1], [0, 0.1, 0.4, 0.7, 0.8, 0.9, 0.9, 0.9, 0.9, 1], "holds"),
        ([0.0, 0.1, 0.2, 1], [0, 0.1, 0.4, 0.7, 0.8, 0.9, 0.9, 0.9, 0.9, 1], "does not hold"),
        ([0.8, 0.9, 0.95, 1], [0, 0, 0, 0, 0, 0, 0, 0.1, 0.2, 1], "does not hold"),
        ([0.8, 0.9, 0.95, 1], [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 1], "does not hold"),
    ],
)
def test_s7(student, teacher, verdict):
    row = verdicts.s7(run(student), run(teacher, seed=1))
    assert row_is_complete(row, "S7") == verdict and row["cautions"] == []


def test_s7_with_few_samples_or_other_yardsticks():
    few = verdicts.s7(run([0.8, 1.0], n=3), run([0, 0.7, 1, 1], n=3))
    assert few["verdict"] == "inconclusive"
    own = run([0.8, 1.0])
    own["distance"]["own_scale"] = True
    assert "yardstick" in verdicts.s7(own, run([0, 0.7, 1]))["cautions"][0]


def series(after, levels, shares, half=0.03, key="all"):
    curve = {"share": [Interval(s, s - half, s + half, 64).to_dict() for s in shares]}
    return {"steps": [{"after": a, "level": x} for a, x in zip(after, levels, strict=True)], "all": None, "features": None,
            key: curve}  # fmt: skip


@pytest.mark.parametrize(("decided", "verdict"), [(0.8, "holds"), (0.2, "does not hold"), (0.45, "inconclusive")])
def test_s7_fork(decided, verdict):
    teacher = series([0, 5, 10, 15], [None, 9.0, 4.0, 1.0], [0.0, 0.2, 0.4, 0.8], half=0.05)
    row = verdicts.s7_fork(series([0, 1, 2], [14.6, 4.2, 1.6], [0.1, decided, 0.9], half=0.05), teacher)
    assert row_is_complete(row, "S7") == verdict and row["effect"] == pytest.approx(decided - 0.4)
    assert row["interval"]["high"] - row["effect"] == pytest.approx(0.05 * 2**0.5)


def test_s7_fork_without_the_first_step():
    row = verdicts.s7_fork(series([0, 2], [14.6, 1.6], [0.1, 0.9]), series([1], [4.0], [0.4]))
    assert row["verdict"] == "inconclusive" and row["effect"] is None
    mixed = verdicts.s7_fork(series([1], [4.0], [0.9], key="features"), series([1], [4.0], [0.4]))
    assert mixed["effect"] is None


def test_cautions_are_said():
    few = {n: arm(n, d, a, n=40, prompts=4) for n, d, a in (("teacher", 0.7, 0.85), ("student", 0.4, 0.85))}
    cautions = verdicts.s1(few)["cautions"]
    assert len(cautions) == 3 and cautions[0].startswith("10 seeds") and cautions[1].startswith("4 prompts")
    assert "85 %" in cautions[2]
    assert verdicts.s1(arms(teacher=0.7, student=0.4))["cautions"] == []


def test_too_few_samples_are_judged_nowhere():
    few = {n: arm(n, 0.5, n=3, prompts=1) for n in ("teacher", "student", "hybrid-1", "skip-first", "BSSS", "SBSS")}
    rows = [
        verdicts.s1(few), verdicts.s2(few, "hybrid-1"), verdicts.s3(few, "hybrid-1"),
        verdicts.s4(few, {0: "BSSS", 1: "SBSS"}), verdicts.s4_reverse(few, "skip-first"),
        verdicts.s5(few, "skip-first", "hybrid-1"),
    ]  # fmt: skip
    assert {r["verdict"] for r in rows} == {"too few to say"}
    json.dumps(rows, allow_nan=False)


def test_a_student_without_diversity_leaves_no_ratio():
    zero = arm("teacher", 0.5)
    measured = {"hybrid-1": arm("hybrid-1", 0.5), "teacher": type(zero)(**{**vars(zero), "diversity": Estimate(0.0, n=64)})}
    row = verdicts.s3(measured, "hybrid-1")
    assert row["verdict"] == "inconclusive" and "no diversity" in row["interval"]["note"]


def test_errors():
    with pytest.raises(ValueError, match="no arm 'pupil'.*Did you mean|no arm 'pupil'"):
        verdicts.s1(arms(teacher=0.7, student=0.4), student="pupil")
    with pytest.raises(ValueError, match="at least one other"):
        verdicts.s4(arms(BSSS=0.5, student=0.4), {0: "BSSS"})
