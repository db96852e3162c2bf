import math

import pytest
import torch

from studio.metrics.frechet import frechet_distance, frechet_of_moments, moments
from studio.metrics.precision_recall import precision_recall
from tests.support.properties import given, settings, st


def gaussian(n, width, seed):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_same_set_is_zero_and_a_shift_is_its_square():
    x = gaussian(50, 6, 0)
    assert frechet_distance(x, x) == pytest.approx(0.0, abs=1e-9)
    shift = torch.tensor([3.0, 0, 0, 4.0, 0, 0]).double()
    assert frechet_distance(x, x + shift) == pytest.approx(25.0, abs=1e-9)


def test_scaling_has_a_closed_form():
    """Σb = c² Σa about the same mean: tr Σa (1 − c)²."""
    x = gaussian(40, 5, 1)
    x = x - x.mean(0)
    assert frechet_distance(x, 3 * x) == pytest.approx(4 * float(moments(x)[1].trace()))


def test_one_dimension_and_diagonal_gaussians():
    zero, a, b = torch.zeros(2).double(), torch.diag(torch.tensor([4.0, 9.0])).double(), torch.eye(2).double()
    assert frechet_of_moments(zero, a, zero + 1, b) == pytest.approx(2 + 1 + 4)  # |Δμ|² + (2−1)² + (3−1)²


def test_non_commuting_covariances_agree_with_the_two_by_two_formula():
    """tr (Σa Σb)^½ = √(tr Σa Σb + 2 √det Σa Σb) for 2 × 2."""
    a = torch.tensor([[2.0, 0.7], [0.7, 1.0]]).double()
    b = torch.tensor([[1.0, -0.4], [-0.4, 3.0]]).double()
    product = a @ b
    cross = math.sqrt(float(product.trace()) + 2 * math.sqrt(float(torch.linalg.det(product))))
    zero = torch.zeros(2).double()
    assert frechet_of_moments(zero, a, zero, b) == pytest.approx(float(a.trace() + b.trace()) - 2 * cross)


def test_samples_approach_the_distance_of_their_gaussians():
    a, b = gaussian(20_000, 4, 0), 2 * gaussian(20_000, 4, 1) + 1
    assert frechet_distance(a, b) == pytest.approx(4 + 4, rel=0.05)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(2, 12), st.integers(1, 8), st.integers(0, 99))
def test_non_negative_symmetric_and_finite_below_full_rank(n, width, seed):
    a, b = gaussian(n, width, seed), gaussian(n + 1, width, seed + 1000)
    d = frechet_distance(a, b)
    assert d >= 0 and math.isfinite(d)
    assert d == pytest.approx(frechet_distance(b, a), rel=1e-6, abs=1e-6)


def test_frechet_errors():
    with pytest.raises(ValueError, match="at least 2"):
        frechet_distance(torch.ones(1, 3), torch.ones(5, 3))
    with pytest.raises(ValueError, match="same width"):
        frechet_distance(gaussian(5, 3, 0), gaussian(5, 4, 0))


def test_identical_sets_have_full_precision_and_recall():
    x = gaussian(30, 3, 0)
    pair = precision_recall(x, x.clone())
    assert pair.precision.value == 1.0 and pair.recall.value == 1.0 and pair.precision.low < 1


def test_disjoint_sets_have_none():
    pair = precision_recall(gaussian(30, 3, 0), gaussian(30, 3, 1) + 100)
    assert pair.precision.value == 0.0 and pair.recall.value == 0.0


def test_a_dropped_mode_costs_recall_not_precision():
    reference = torch.cat([gaussian(100, 2, 0), gaussian(100, 2, 1) + 50])
    pair = precision_recall(gaussian(200, 2, 2), reference)
    assert pair.precision.value > 0.9 and 0.3 < pair.recall.value < 0.6


def test_junk_costs_precision_not_recall():
    samples = torch.cat([gaussian(150, 2, 0), gaussian(50, 2, 1) * 0.1 + 100])
    pair = precision_recall(samples, gaussian(150, 2, 2))
    assert 0.6 < pair.precision.value < 0.8 and pair.recall.value > 0.85


def test_balls_by_hand():
    """Points 0, 1, 3 on a line with k = 1 have radii 1, 1, 2: 4.9 is inside, −1.1 and 5.1 are not."""
    reference = torch.tensor([[0.0], [1.0], [3.0]])
    pair = precision_recall(torch.tensor([[4.9], [-1.1], [5.1]]), reference, k=1)
    assert pair.precision.value == pytest.approx(1 / 3)


def test_precision_recall_errors():
    with pytest.raises(ValueError, match="more than k"):
        precision_recall(torch.ones(3, 2), torch.ones(9, 2))
    with pytest.raises(ValueError, match="same width"):
        precision_recall(torch.ones(9, 2), torch.ones(9, 3))
    with pytest.raises(ValueError, match="k = 0"):
        precision_recall(torch.ones(9, 2), torch.ones(9, 2), k=0)
