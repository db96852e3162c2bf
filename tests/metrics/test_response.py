"""Slopes, ranges and drift of sliders, on made-up responses whose answers are known."""

from __future__ import annotations

import pytest
import torch

from studio.metrics.response import change, drift, response, retention, spearman

S = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)


def made(slope: float, n: int = 64, noise: float = 0.2, seed: int = 0, cap: float = 99.0) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    own = torch.randn(n, generator=g)  # every seed has a level of its own, the same at all strengths
    rows = [slope * max(-cap, min(cap, s)) + own + noise * torch.randn(n, generator=g) for s in S]
    return torch.stack(rows)


def test_the_slope_is_found_and_pairing_makes_it_narrow() -> None:
    found = response(S, made(0.7, seed=5))
    interval = found.slope.interval()
    assert interval.low < 0.7 < interval.high
    assert interval.high - interval.low < 0.15  # own levels vary by 1; unpaired it would be about 0.5
    assert found.monotone and found.rho == pytest.approx(1.0)
    assert found.even == (-2.0, 2.0)
    shuffled = [3, 0, 6, 1, 2, 5, 4]
    again = response([S[i] for i in shuffled], made(0.7, seed=5)[shuffled])
    assert again.slope.value == pytest.approx(found.slope.value)


def test_a_slider_that_saturates_is_even_up_to_there() -> None:
    found = response(S, made(1.0, noise=0.01, cap=1.0))
    assert found.even == (-1.0, 1.0)
    assert found.slope.value == pytest.approx(1.0, abs=0.02)


def test_retention_is_a_ratio_with_a_sign_and_nothing_has_no_share() -> None:
    source = response(S, made(0.8, seed=1)).slope
    half = retention(response(S, made(0.4, seed=2)).slope, source)
    assert half.low < 0.5 < half.high and half.high < 0.7
    turned = retention(response(S, made(-0.4, seed=3)).slope, source)
    assert turned.high < 0
    assert retention(source, source).value == pytest.approx(1.0)
    none = retention(source, response(S, made(0.0, seed=4)).slope)
    assert none.value is None and "nothing measurable" in none.note


def test_coverage_of_the_slope() -> None:
    hits = 0
    for seed in range(60):
        interval = response(S, made(0.3, n=24, noise=0.5, seed=100 + seed), n_boot=400).slope.interval()
        hits += interval.low <= 0.3 <= interval.high
    assert hits >= 52  # 95 % of 60 is 57; four standard deviations below


def test_prompts_that_say_the_same_of_a_seed_do_not_make_the_interval_narrower() -> None:
    once = made(0.3, n=24, noise=0.5, seed=7)
    seeds = torch.arange(24).repeat(3)
    alone, thrice = response(S, once).slope.interval(), response(S, once.repeat(1, 3), seeds=seeds).slope.interval()
    assert (thrice.low, thrice.high, thrice.n) == (pytest.approx(alone.low), pytest.approx(alone.high), 24)
    hits = 0
    for seed in range(60):
        amounts = made(0.3, n=24, noise=0.5, seed=100 + seed).repeat(1, 3)
        interval = response(S, amounts, seeds=seeds, n_boot=400).slope.interval()
        hits += interval.low <= 0.3 <= interval.high
    assert hits >= 52  # 44 when every prompt's samples count as new


def test_spearman_shares_ranks() -> None:
    assert spearman(torch.tensor([1.0, 2, 3]), torch.tensor([1.0, 1, 2])) == pytest.approx(0.866, abs=1e-3)
    assert spearman(torch.tensor([1.0, 2, 3]), torch.tensor([3.0, 2, 1])) == pytest.approx(-1.0)
    assert spearman(torch.tensor([1.0, 2]), torch.tensor([1.0, 1])) is None


def test_drift_counts_what_was_not_meant_to_move() -> None:
    g = torch.Generator().manual_seed(0)
    n = 200
    before = {"subject": torch.randint(5, (n,), generator=g), "place": torch.randint(4, (n,), generator=g),
              "time": torch.zeros(n, dtype=torch.int64)}  # fmt: skip
    after = {**before, "time": torch.ones(n, dtype=torch.int64), "place": before["place"].clone()}
    after["place"][:50] += 1
    features = torch.randn(n, 6, generator=g)
    found = drift(before, after, (features, features), torch.ones(n), intended=["time"], identity=["subject"])
    assert found.others.value == pytest.approx(0.125)  # a quarter of one of two factors
    assert found.kept.value == 1.0
    assert found.features.value == 0.0
    moved = drift(before, after, (features, features + 1), torch.zeros(n), intended=["time"], identity=["place"])
    assert moved.kept.value == pytest.approx(0.75)
    assert 0.5 < moved.features.value < 1.0
    assert moved.in_distribution.value == 0.0
    with pytest.raises(ValueError, match="nothing is left to disturb"):
        drift(before, after, (features, features), torch.ones(n), intended=list(before), identity=["subject"])


def test_without_factors_only_features_can_drift() -> None:
    features = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    found = drift({}, {}, (features, features), torch.ones(12), intended=(), identity=("subject",))
    assert found.features.value == 0
    for missing in (found.others, found.kept, found.in_distribution):
        assert missing.value is None and missing.note and missing.n == 12
    assert (drift({}, {}, (features, features + 1), torch.ones(12), intended=(), identity=()).features.value or 0) > 0.5


def test_what_never_moves_has_a_slope_of_exactly_nothing() -> None:
    still = torch.rand(12, generator=torch.Generator().manual_seed(3)).expand(len(S), 12)
    found = response(S, still)
    interval = found.slope.interval()
    assert (interval.value, interval.low, interval.high) == (0.0, 0.0, 0.0)
    assert found.rho is None
    assert retention(found.slope, found.slope).value is None


def test_the_change_of_a_score_is_a_share_of_what_it_was() -> None:
    g = torch.Generator().manual_seed(0)
    before = 20 + torch.randn(64, generator=g)
    after = 1.3 * before + 0.5 * torch.randn(64, generator=g)
    found = change(before, after)
    assert found.low is not None and found.high is not None and found.low < 0.3 < found.high
    assert found.high - found.low < 0.05  # paired: the levels of the samples fall out
    assert change(before, before).value == 0
    assert change(before - 20, after).value is None


def test_strengths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="0 and at least two more"):
        response([-2.0, 0.0, 2.0], torch.zeros(3, 4))
    with pytest.raises(ValueError, match="one row for each would"):
        response([0.0, 1.0], torch.zeros(3, 4))
