import math

import numpy as np
import pytest
import torch

from studio.metrics import diversity as dv
from studio.metrics.bootstrap import resample, resample_counts
from tests.support.properties import given, settings, st

LABELS = st.integers(2, 6).flatmap(lambda k: st.tuples(st.just(k), st.lists(st.integers(0, k - 1), min_size=1, max_size=60)))


def test_entropy_of_uniform_and_of_one_value():
    uniform = torch.arange(4).repeat(25)
    assert dv.entropy(uniform, 4, correct=False) == pytest.approx(math.log(4))
    assert dv.effective_number(uniform, 4) == pytest.approx(4.0)  # the correction is capped at ln 4
    assert dv.entropy(torch.zeros(9, dtype=torch.long), 4) == 0.0
    assert dv.effective_number(torch.zeros(9, dtype=torch.long), 4) == 1.0


def test_entropy_by_hand():
    labels = np.array([0, 0, 0, 1])
    h = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert dv.entropy(labels, 3, correct=False) == pytest.approx(h)
    two_one = math.log(3) - 2 / 3 * math.log(2)  # entropy of (2, 1), left three times of four; (3, 0) has none
    assert dv.entropy(labels, 3) == pytest.approx(4 * h - 3 * (0.75 * two_one))


def test_the_jackknife_removes_most_of_the_bias():
    p = torch.tensor([0.55, 0.30, 0.15], dtype=torch.float64)
    g = torch.Generator().manual_seed(0)
    labels = torch.multinomial(p.expand(4000, 3), 16, replacement=True, generator=g)
    rows = torch.nn.functional.one_hot(labels, 3).sum(1).double()
    truth = dv.world_entropy(p)
    raw = float(dv.entropy_of_counts(rows, correct=False).mean()) - truth
    corrected = float(dv.entropy_of_counts(rows).mean()) - truth
    assert raw < -0.05 and abs(corrected) < 0.3 * abs(raw)


@settings(deadline=None, derandomize=True)
@given(LABELS)
def test_entropy_ranges(case):
    k, labels = case
    plain, corrected = dv.entropy(labels, k, correct=False), dv.entropy(labels, k)
    assert 0 <= plain <= corrected + 1e-12 and corrected <= math.log(k) + 1e-12
    assert 0 <= dv.total_variation(labels, [1 / k] * k) <= 1
    permuted = [(label + 1) % k for label in labels]
    assert dv.entropy(permuted, k) == pytest.approx(corrected)


def test_total_variation_by_hand_and_errors():
    assert dv.total_variation([0, 0, 1, 1], [0.5, 0.5]) == 0.0
    assert dv.total_variation([0, 0, 0, 0], [0.25, 0.75]) == pytest.approx(0.75)
    with pytest.raises(ValueError, match="sum to 1"):
        dv.total_variation([0], [0.5, 0.2])
    with pytest.raises(ValueError, match="run from 0 to 1"):
        dv.entropy([0, 2], 2)
    with pytest.raises(ValueError, match="Label -1"):
        dv.entropy([0, -1], 2)


def test_weighted_counts_equal_counting_the_resample():
    labels = torch.randint(3, (20,), generator=torch.Generator().manual_seed(0))
    indices, counts = resample(20, 30), resample_counts(20, 30)
    by_hand = torch.stack([torch.bincount(labels[i], minlength=3) for i in indices]).double()
    assert torch.equal(dv.class_counts(labels, 3, counts), by_hand)


def test_pair_distance_of_known_points():
    assert dv.pairwise_distance(torch.tensor([[0.0, 0.0], [3.0, 4.0]])) == pytest.approx(5.0)
    corners = torch.eye(5) * 2
    assert dv.pairwise_distance(corners) == pytest.approx(2 * math.sqrt(2))
    assert dv.pairwise_distance(np.ones((4, 2, 3))) == 0.0  # any shape per sample
    assert math.isnan(dv.pairwise_distance(torch.ones(1, 3)))


def test_an_image_is_no_distance_from_itself_in_a_resample():
    matrix = dv.distances(torch.eye(5) * 2)
    draws = dv.mean_pair_distance(matrix, resample_counts(5, 100))
    finite = draws[draws.isfinite()]
    assert torch.allclose(finite, torch.full_like(finite, 2 * math.sqrt(2)))


@pytest.mark.parametrize("kind", ["cosine", "rbf"])
def test_vendi_of_identical_samples_is_one(kind):
    assert dv.vendi(torch.ones(7, 3), kind) == pytest.approx(1.0)


def test_vendi_of_orthogonal_samples_is_n():
    assert dv.vendi(torch.eye(9)) == pytest.approx(9.0)
    assert dv.vendi(torch.eye(9) * 100, "rbf", bandwidth=1.0) == pytest.approx(9.0)


def test_vendi_of_unequal_groups_is_their_effective_number():
    """Three orthogonal points seen 4, 2 and 2 times: exp H(½, ¼, ¼) = 2^1.5."""
    x = torch.eye(3)[torch.tensor([0, 0, 0, 0, 1, 1, 2, 2])]
    assert dv.vendi(x) == pytest.approx(2**1.5)
    weights = torch.tensor([4.0, 2.0, 2.0]).double()
    assert float(dv.vendi_of_kernel(dv.kernel(torch.eye(3)), weights)) == pytest.approx(2**1.5)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(1, 20), st.integers(1, 5), st.integers(0, 99), st.sampled_from(["cosine", "rbf"]))
def test_vendi_range(n, width, seed, kind):
    x = torch.randn(n, width, generator=torch.Generator().manual_seed(seed))
    assert 1 - 1e-9 <= dv.vendi(x, kind) <= n + 1e-9


def test_unknown_kernel():
    with pytest.raises(ValueError, match="cosine, rbf"):
        dv.kernel(torch.ones(2, 2), "linear")
