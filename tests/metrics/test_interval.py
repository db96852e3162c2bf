import json
import math
from statistics import NormalDist

import pytest
import torch

from studio.metrics.interval import Estimate, Interval, combined, difference_of, pool, tail


def test_interval_round_trips_as_json():
    interval = Interval(0.5, 0.4, 0.6, 64, "a note")
    assert Interval.from_dict(json.loads(json.dumps(interval.to_dict()))) == interval


@pytest.mark.parametrize(
    ("interval", "percent", "text"),
    [
        (Interval(0.71, 0.58, 0.83, 64), True, "71 % [58–83]"),
        (Interval(-0.05, -0.2, 0.1, 64), True, "-5 % [-20 to 10]"),
        (Interval(0.814, 0.755, 0.861, 64), False, "0.81 [0.76–0.86]"),
        (Interval(0.5, None, None, 2), False, "0.50"),
        (Interval(-0.001, 0.0, 0.001, 9), True, "0 % [0–0]"),
        (Interval(None, None, None, 1, "n too small"), False, "not available (n too small)"),
    ],
)
def test_text_reads_like_a_sentence(interval, percent, text):
    assert interval.text(percent=percent) == text


def test_apart_and_includes():
    a, b, c = Interval(1, 0, 2, 9), Interval(4, 3, 5, 9), Interval(2.5, 1.5, 3.5, 9)
    assert a.apart(b) and b.apart(a) and not a.apart(c) and not c.apart(b)
    assert a.includes(0) and a.includes(2) and not a.includes(2.1)
    assert a.apart(Interval(1)) is None and Interval(1).includes(1) is None


def test_centring_moves_draws_onto_the_value():
    e = Estimate.centred(5.0, torch.tensor([1.0, 2.0, 3.0]), 10)
    assert e.draws.mean().item() == pytest.approx(5.0)
    assert e.draws.std().item() == pytest.approx((10 / 9) ** 0.5)  # the variance a sample of 10 loses
    assert Estimate.centred(math.nan, torch.ones(3), 10).value is None


def test_bounds_are_kept_and_the_value_stays_inside():
    e = Estimate.centred(0.98, torch.linspace(0.5, 1.5, 101, dtype=torch.float64), 20, (0.0, 1.0))
    interval = e.interval()
    assert interval.low < 0.98 < interval.high == 1.0


def test_few_samples_or_few_usable_draws_give_no_interval():
    assert Estimate(1.0, torch.linspace(0, 2, 50).double(), 3).interval() == Interval(
        1.0, n=3, note="n too small for an interval"
    )
    holes = torch.linspace(0, 2, 50).double()
    holes[:10] = math.nan
    assert Estimate(1.0, holes, 30).interval().low is None


def test_identical_samples_are_said_to_understate_the_uncertainty():
    interval = Estimate.centred(0.0, torch.zeros(50), 8).interval()
    assert (interval.low, interval.high) == (0.0, 0.0) and "understates" in interval.note


@pytest.mark.parametrize(("n", "t"), [(4, 3.1824), (8, 2.3646), (16, 2.1314), (64, 1.9983), (10**9, 1.9600)])
def test_tails_are_those_of_students_t(n, t):
    assert -NormalDist().inv_cdf(tail(n)) == pytest.approx(t, rel=0.01 if n < 8 else 2e-3)


def test_difference_is_paired():
    draws = torch.randn(500, generator=torch.Generator().manual_seed(0)).double()
    a, b = Estimate.centred(3.0, draws, 50), Estimate.centred(2.0, draws, 50)
    difference = (a - b).interval()
    assert difference.value == 1.0 and difference.high - difference.low < 1e-9
    assert (a - Estimate.missing(1)).value is None


def test_pool_averages_groups_and_names_those_left_out():
    a, b = Estimate(1.0, torch.tensor([0.0, 2.0]).double(), 4), Estimate(3.0, torch.tensor([2.0, 4.0]).double(), 4)
    both = pool([a, b])
    assert both.value == 2.0 and both.n == 8 and both.draws.tolist() == [1.0, 3.0] and both.note == ""
    assert pool([a, Estimate.missing(1)]).value == 1.0
    assert "1 of 2" in pool([a, Estimate.missing(1)]).note
    assert pool([]).value is None and pool([Estimate.missing(1)]).value is None


def test_difference_of_independent_intervals():
    """MOVER: each end takes the arms that reach towards it, squared and added."""
    out = difference_of(Interval(0.8, 0.5, 0.84, 40), Interval(0.3, 0.26, 0.7, 30))
    assert out.value == pytest.approx(0.5) and out.n == 30
    assert out.low == pytest.approx(0.5 - (0.3**2 + 0.4**2) ** 0.5)
    assert out.high == pytest.approx(0.5 + (0.04**2 + 0.04**2) ** 0.5)
    assert difference_of(Interval(0.8), Interval(0.3)).low is None
    assert difference_of(Interval(None, note="why"), Interval(0.3)).note == "why"


def test_combined_keeps_pairs():
    draws = torch.linspace(0, 1, 50).double()
    a, b = Estimate(0.5, draws, 40), Estimate(0.25, 2 * draws, 30)
    out = combined([(2.0, a), (-1.0, b)])
    assert out.value == 0.75 and out.n == 30 and torch.allclose(out.draws, torch.zeros(50).double())
    assert combined([(1.0, a), (1.0, Estimate.missing(3, "why"))]).note == "why"
    with pytest.raises(ValueError, match="at least one"):
        combined([])
