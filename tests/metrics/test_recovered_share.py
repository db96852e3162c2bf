import math

import pytest
import torch

from studio.metrics.interval import Estimate, Interval
from studio.metrics.recovered_share import recovery, relative_cost
from tests.support.properties import given, settings, st

COMMON = torch.randn(1000, generator=torch.Generator().manual_seed(0)).double()


def arm(value, sd=0.01, seed=1, n=64):
    """An estimate with its own noise of sd and a common part that pairing cancels."""
    own = torch.randn(1000, generator=torch.Generator().manual_seed(seed)).double() * sd
    return Estimate.centred(value, value + own + 0.2 * COMMON, n)


def test_share_and_interval_on_synthetic_arms():
    result = recovery(arm(0.8, seed=1), arm(0.4, seed=2), arm(0.7, seed=3), cost_ratio=1.25, label="hybrid (k = 1)")
    assert result.verdict == "holds"
    assert result.share.value == pytest.approx(0.75)
    # delta method: sd² = (σ²/L²) (1 + r² + (1 − r)²) with L = 0.4, r = 0.75
    sd = 0.01 / 0.4 * math.sqrt(1 + 0.75**2 + 0.25**2)
    assert result.share.low == pytest.approx(0.75 - 1.96 * sd, abs=0.25 * sd)
    assert result.share.high == pytest.approx(0.75 + 1.96 * sd, abs=0.25 * sd)


def test_the_sentence():
    result = recovery(arm(0.9, 0), arm(0.4, 0), arm(0.755, 0), cost_ratio=1.25, label="hybrid (k = 1)")
    assert result.sentence == "The hybrid (k = 1) recovers 71 % [71–71] of the diversity the student lost, at 1.25× its cost."


def test_accuracy_travels_with_the_sentence():
    trio = (arm(0.9), arm(0.4), arm(0.75))
    same = recovery(*trio, fidelity=(Interval(0.95, 0.9, 0.98, 64), Interval(0.94, 0.89, 0.97, 64)))
    assert same.sentence.endswith("Accuracy of the hybrid: 94 % [89–97], the student's 95 % [90–98].")
    worse = recovery(*trio, fidelity=(Interval(0.95, 0.9, 0.98, 64), Interval(0.6, 0.5, 0.7, 64)))
    assert "accuracy is lower" in worse.sentence and "may be error" in worse.sentence
    silent = recovery(*trio, fidelity=(Interval(None), Interval(None)))
    assert "ccuracy" not in silent.sentence


def test_no_loss_means_nothing_to_recover():
    result = recovery(arm(0.80, seed=1), arm(0.80, seed=2), arm(0.85, seed=3))
    assert result.verdict == "does not hold" and result.share.value is None
    assert result.sentence.startswith("The student did not lose diversity here (teacher 0.80")
    assert result.sentence.endswith("so there is nothing to recover.")


def test_a_student_more_diverse_than_the_teacher_lost_nothing():
    result = recovery(arm(0.5, seed=1), arm(0.8, seed=2), arm(0.9, seed=3))
    assert result.verdict == "does not hold" and result.share.value is None


def test_a_loss_lost_in_noise_is_inconclusive():
    result = recovery(arm(0.80, 0.2, seed=1), arm(0.70, 0.2, seed=2), arm(0.85, 0.2, seed=3))
    assert result.verdict == "inconclusive" and "more seeds may tell" in result.sentence


def test_recovering_nothing_does_not_hold():
    result = recovery(arm(0.8, seed=1), arm(0.4, seed=2), arm(0.405, seed=3), label="student-first")
    assert result.verdict == "does not hold" and "recovers none of the diversity" in result.sentence


def test_making_it_worse_does_not_hold():
    result = recovery(arm(0.8, seed=1), arm(0.4, seed=2), arm(0.3, seed=3))
    assert result.verdict == "does not hold" and "less diverse still" in result.sentence
    assert "[-" in result.sentence and " to -" in result.sentence


def test_unsure_gain_is_inconclusive():
    result = recovery(arm(0.8, 0.05, seed=1), arm(0.4, 0.05, seed=2), arm(0.5, 0.1, seed=3))
    assert result.verdict == "inconclusive" and "run more seeds" in result.sentence


@pytest.mark.parametrize(("without_loss", "bounded"), [(10, True), (23, False)])
def test_draws_without_a_loss_leave_the_share_unbounded(without_loss, bounded):
    """Of 1000 draws, ten that lost nothing lie beyond the interval; 23 reach it and it has no upper end."""
    loss = torch.linspace(0.5, 1.0, 1000).double()
    loss[:without_loss] = -1e-6
    teacher = Estimate(0.75, loss, 64)
    student = Estimate(0.0, torch.zeros(1000).double(), 64)
    hybrid = Estimate(0.6, torch.full((1000,), 0.6).double() + 1e-4 * COMMON, 64)
    result = recovery(teacher, student, hybrid)
    assert result.loss.low > 0 and result.verdict == "holds"
    assert result.share.low == pytest.approx(0.6, abs=0.02)
    if bounded:
        assert result.share.high == pytest.approx(1.2, abs=0.05)
    else:
        assert result.share.high is None and "too close to 0" in result.share.note


@pytest.mark.parametrize("n", [0, 1, 3])
def test_too_few_samples_are_said(n):
    few = Estimate.missing(n) if n < 2 else Estimate(0.5, torch.zeros(10).double(), n)
    result = recovery(few, few, few)
    assert result.verdict == "too few to say" and "Too few samples" in result.sentence and result.share.value is None


def test_no_free_factor_is_said_as_such():
    none = Estimate.missing(64, "the prompt leaves no factor free")
    assert "the prompt leaves no factor free" in recovery(none, none, none).sentence


def test_missing_arm_with_known_loss():
    result = recovery(arm(0.8, seed=1), arm(0.4, seed=2), Estimate.missing(1))
    assert result.verdict == "too few to say" and result.loss.value == pytest.approx(0.4)


@pytest.mark.parametrize("hybrid", [0.7, 0.4])
def test_eight_samples_are_not_judged(hybrid):
    """A red "does not hold" from eight pictures was one: the figures are given, a verdict is not."""
    result = recovery(arm(0.8, seed=1, n=8), arm(0.4, seed=2, n=8), arm(hybrid, seed=3, n=8), label="hybrid")
    assert result.verdict == "too few to say" and result.share.known
    assert (
        result.sentence.startswith("On the 8 samples that count the hybrid gives back")
        and "too few to say more" in result.sentence
    )
    nothing = recovery(arm(0.8, 0.1, seed=1, n=8), arm(0.78, 0.1, seed=2, n=8), arm(0.8, n=8))
    assert nothing.verdict == "too few to say" and "32 or more" in nothing.sentence
    wide = recovery(arm(0.8, 0.1, seed=1, n=8), arm(0.6, 0.1, seed=2, n=8), arm(0.7, 0.1, seed=3, n=8), label="hybrid")
    assert wide.sentence.startswith("On the 8 samples that count the diversity is teacher 0.80 [")
    assert "student 0.60 [" in wide.sentence and "hybrid 0.70 [" in wide.sentence


def test_a_share_too_wide_to_bound_is_no_headline():
    """ "107 % [8–268]" is not a figure; that something comes back is one."""
    trio = (arm(0.6, 0.09, seed=1), arm(0.4, 0.0, seed=2), arm(0.62, 0.03, seed=3))
    result = recovery(*trio, label="hybrid")
    assert result.verdict == "holds" and result.share.high is None or result.share.high - result.share.low > 1
    assert result.sentence.startswith("The hybrid recovers some of the diversity the student lost; how much is not settled")
    bounded = recovery(arm(0.6, 0.05, seed=1), arm(0.4, 0.0, seed=2), arm(0.62, 0.03, seed=3), label="hybrid")
    assert bounded.share.high - bounded.share.low > 1
    assert f": between {100 * bounded.share.low:.0f} % and " in bounded.sentence and "[" not in bounded.sentence


def test_the_change_from_teacher_to_student_is_a_share_of_the_teachers_with_paired_ends():
    def own(value, seed, sd=0.02):
        draws = value + sd * torch.randn(4000, generator=torch.Generator().manual_seed(seed)).double()
        return Estimate.centred(value, draws, 64)

    teacher, student = own(0.8, 1), own(0.56, 2)
    change = recovery(teacher, student, arm(0.7, seed=3)).change
    assert change.value == pytest.approx(-0.3)
    sd = 0.02 / 0.8 * math.sqrt(1 + 0.7**2)  # delta method
    assert change.low == pytest.approx(-0.3 - 1.98 * sd, abs=0.3 * sd)
    assert change.high == pytest.approx(-0.3 + 1.98 * sd, abs=0.3 * sd)
    assert recovery(own(0.02, 1, 0.1), student, student).change.low is None


def test_a_loss_that_may_be_none_is_not_called_none():
    """0.25 [-0.04 to 0.51] says neither that diversity was lost nor that there is nothing to recover."""
    result = recovery(arm(0.7, 0.1, seed=1), arm(0.45, 0.1, seed=2), arm(0.6, 0.1, seed=3))
    assert result.loss.low < 0 < result.loss.value
    assert "cannot be told" in result.sentence and "nothing to recover" not in result.sentence


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 0.3))
def test_never_crashes_never_nan(t, s, h, sd):
    result = recovery(arm(t, sd, 1), arm(s, sd, 2), arm(h, sd, 3), cost_ratio=1.0)
    row = result.to_dict()
    assert row["holds"] in ("holds", "does not hold", "inconclusive", "too few to say")
    assert "nan" not in row["sentence"] and "inf" not in row["sentence"]
    for key in ("value", "low", "high"):
        assert row[key] is None or math.isfinite(row[key])
    if row["low"] is not None and row["high"] is not None:
        assert row["low"] <= row["value"] <= row["high"]


def test_relative_cost():
    costs = {"student": 4, "hybrid-1": 5, "free": 0}
    assert relative_cost(costs, "hybrid-1", "student") == 1.25
    assert relative_cost(costs, "hybrid-1", "free") is None
    assert relative_cost(costs, "unknown", "student") is None and relative_cost(None, "a", "b") is None
