"""Agreement of scores with a truth: against cases that are computed by hand, ties among them."""

from __future__ import annotations

import math

import pytest
import torch

from studio.metrics.agreement import caught, kendall, spearman
from tests.support.properties import given, st

ROWS: list[tuple[list[float], list[float], float, float]] = [
    ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], 1.0, 1.0),
    ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], -1.0, -1.0),
    ([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], 0.8, 0.6),  # d² = 4 of n (n² − 1) / 6 = 20; 8 pairs in order, 2 not
    # ranks 1.5 1.5 3 4 and 1 2.5 2.5 4: covariance 3.75, variances 4.5; 4 in order, none against, one tie in each
    ([1, 1, 2, 3], [1, 2, 2, 3], 3.75 / 4.5, 4 / 5),
    # ranks 1.5 1.5 3.5 3.5 and 1 2 3 4: covariance 4, variances 4 and 5; 4 in order, 2 ties in the first
    ([0, 0, 1, 1], [1, 2, 3, 4], 4 / math.sqrt(20), 4 / math.sqrt(4 * 6)),
    # one of the pairs that differ in both is in order, one against: nothing is left
    ([0, 1, 0, 1], [0, 0, 1, 1], 0.0, 0.0),
]


@pytest.mark.parametrize(("scores", "truth", "rho", "tau"), ROWS)
def test_by_hand(scores: list[float], truth: list[float], rho: float, tau: float) -> None:
    a, b = torch.tensor(scores), torch.tensor(truth)
    assert spearman(a, b).value == pytest.approx(rho, abs=1e-12)
    assert kendall(a, b).value == pytest.approx(tau, abs=1e-12)


def by_counting(a: list[int], b: list[int]) -> tuple[float, float]:
    """(rho, tau-b), slowly and plainly."""

    def ranks(row: list[int]) -> list[float]:
        return [sum(other < one for other in row) + (sum(other == one for other in row) + 1) / 2 for one in row]

    x, y = ranks(a), ranks(b)
    mean = (len(a) + 1) / 2
    covariance = sum((p - mean) * (q - mean) for p, q in zip(x, y, strict=True))
    spread = math.sqrt(sum((p - mean) ** 2 for p in x) * sum((q - mean) ** 2 for q in y))
    order = tied_a = tied_b = 0
    pairs = [(i, j) for i in range(len(a)) for j in range(i)]
    for i, j in pairs:
        order += ((a[i] > a[j]) - (a[i] < a[j])) * ((b[i] > b[j]) - (b[i] < b[j]))
        tied_a, tied_b = tied_a + (a[i] == a[j]), tied_b + (b[i] == b[j])
    return covariance / spread, order / math.sqrt((len(pairs) - tied_a) * (len(pairs) - tied_b))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=12))
def test_as_counted_with_many_ties(rows: list[tuple[int, int]]) -> None:
    a, b = [one for one, _ in rows], [other for _, other in rows]
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert spearman(torch.tensor(a), torch.tensor(b), n_boot=2).value is None
        return
    rho, tau = by_counting(a, b)
    assert spearman(torch.tensor(a), torch.tensor(b), n_boot=2).value == pytest.approx(rho, abs=1e-9)
    assert kendall(torch.tensor(a), torch.tensor(b), n_boot=2).value == pytest.approx(tau, abs=1e-9)


def test_draws_are_the_statistic_of_the_resampled_rows() -> None:
    from studio.metrics.bootstrap import resample

    g = torch.Generator().manual_seed(0)
    a, b = torch.randint(5, (30,), generator=g), torch.randint(5, (30,), generator=g)
    for of, which in ((spearman, 0), (kendall, 1)):
        found = of(a, b, n_boot=5)
        plain = [by_counting(a[i].tolist(), b[i].tolist())[which] for i in resample(30, 5)]
        draws = torch.tensor(plain).double()
        shifted = found.value + (draws - draws.mean()) * math.sqrt(30 / 29)
        assert torch.allclose(found.draws, shifted, atol=1e-6)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of a normal pair with correlation r, tau is 2/π · asin r."""
    r, held, times = 0.6, 0, 60
    for seed in range(times):
        x, y = torch.randn(2, 80, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        found = kendall(x, r * x + math.sqrt(1 - r * r) * y, seed=seed, n_boot=300).interval()
        held += bool(found.includes(2 / math.pi * math.asin(r)))
    assert held / times > 0.85


def test_rows_that_belong_together_make_a_wider_interval() -> None:
    g = torch.Generator().manual_seed(1)
    once = torch.randn(2, 20, generator=g)
    a, b = (once + 0.5 * once[0]).repeat_interleave(10, 1)
    alone, clustered = kendall(a, b).interval(), kendall(a, b, together=torch.arange(20).repeat_interleave(10)).interval()
    assert alone.value == clustered.value and alone.n == clustered.n == 200
    assert clustered.high - clustered.low > 2 * (alone.high - alone.low)


def test_flags_by_hand() -> None:
    wrong = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0, 0, 0]).bool()
    flagged = torch.tensor([1, 1, 1, 0, 1, 0, 0, 0, 0, 0]).bool()
    found = caught(flagged, wrong)
    assert (found.precision.value, found.precision.n) == (0.75, 4)
    assert (found.recall.value, found.recall.n) == (0.75, 4)
    assert (found.false_alarms.value, found.false_alarms.n) == (pytest.approx(1 / 6), 6)
    assert found.precision.low == pytest.approx(0.3006, abs=1e-3) and found.precision.high == pytest.approx(0.9544, abs=1e-3)
    nothing = caught(torch.zeros(3).bool(), torch.zeros(3).bool())
    assert nothing.precision.value is None and nothing.recall.value is None and nothing.false_alarms.value == 0


def test_what_does_not_fit_is_refused_in_one_sentence() -> None:
    for a, b in (([1.0, 2.0], [1.0]), ([1.0, math.nan], [1.0, 2.0]), ([0.0] * 4001, [0.0] * 4001)):
        with pytest.raises(ValueError, match="would fit|would\\."):
            spearman(torch.tensor(a), torch.tensor(b))
    with pytest.raises(ValueError, match="do not fit"):
        caught(torch.ones(2), torch.ones(3))
    assert kendall(torch.tensor([1.0]), torch.tensor([2.0])).value is None
