import math

import numpy as np
import pytest
import torch

from studio.metrics.bootstrap import bootstrap, estimate, resample, resample_counts
from studio.metrics.interval import Estimate


def test_resamples_depend_on_size_and_seed_only():
    assert torch.equal(resample(20, 50, 3), resample(20, 50, 3))
    assert not torch.equal(resample(20, 50, 3), resample(20, 50, 4))
    assert resample(0, 5).shape == (5, 0)


def test_counts_are_the_same_draws():
    indices, counts = resample(7, 40, 1), resample_counts(7, 40, 1)
    assert torch.equal(counts, torch.stack([torch.bincount(i, minlength=7) for i in indices]).double())


def test_groups_are_resampled_inside_themselves():
    groups = torch.tensor([0, 1, 0, 2, 1, 1, 0])
    indices = resample(7, 200, 0, groups)
    assert torch.equal(groups[indices], groups.expand(200, 7))
    assert len(indices[:, 0].unique()) == 3 and set(indices[:, 3].tolist()) == {3}
    with pytest.raises(ValueError, match="one label a row"):
        resample(7, 5, 0, [0, 1])


def test_interval_of_a_mean_is_the_textbook_one():
    x = np.random.default_rng(0).normal(2.0, 3.0, 400)
    interval = bootstrap(lambda v: v.mean(), x, n_boot=4000)
    half = 1.96 * x.std(ddof=1) / math.sqrt(400)
    assert interval.value == pytest.approx(x.mean())
    assert interval.low == pytest.approx(x.mean() - half, abs=0.15 * half)
    assert interval.high == pytest.approx(x.mean() + half, abs=0.15 * half)


def test_stratification_removes_the_variance_between_groups():
    groups = torch.arange(100) % 2
    x = groups * 100.0 + torch.randn(100, generator=torch.Generator().manual_seed(0))
    free = bootstrap(torch.mean, x, n_boot=300)
    tied = bootstrap(torch.mean, x, n_boot=300, groups=groups)
    assert tied.high - tied.low < 0.1 * (free.high - free.low)


def test_arrays_are_resampled_together():
    x = torch.arange(50.0)
    assert bootstrap(lambda a, b: (a - b).abs().max(), x, x.clone(), n_boot=100).high == 0.0
    with pytest.raises(ValueError, match="together"):
        bootstrap(lambda a, b: 0, torch.ones(3), torch.ones(4))
    with pytest.raises(ValueError, match="no arrays"):
        estimate(lambda: 0)


def test_paired_arms_share_their_draws():
    g = torch.Generator().manual_seed(0)
    common = torch.randn(60, generator=g) * 10
    a, b = estimate(torch.mean, common + 1), estimate(torch.mean, common)
    paired = (a - b).interval()
    assert paired.low == pytest.approx(1.0, abs=1e-5) and paired.high == pytest.approx(1.0, abs=1e-5)
    assert not a.interval().apart(b.interval())


def test_bias_of_resampling_is_removed():
    """The number of distinct values falls by 1/e in a resample; the interval must still be around the value."""
    x = torch.arange(100.0)
    interval = bootstrap(lambda v: len(v.unique()), x, n_boot=300)
    assert interval.value == 100 and 90 < interval.low < 100 < interval.high < 110


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_samples_give_no_interval(n):
    interval = bootstrap(torch.std if n > 1 else torch.sum, torch.arange(float(n)))
    assert interval.low is None and interval.high is None and "too small" in interval.note


@pytest.mark.parametrize("n", [8, 16])
def test_coverage_of_the_mean_of_few_samples(n):
    """Nominal 95 %; binomial sd of 400 repeats: 1.1 points. Plain percentiles would cover about 89 % at n = 8."""
    g = torch.Generator().manual_seed(1)
    hits = 0
    for seed in range(400):
        x = torch.randn(n, generator=g).double()
        draws = resample_counts(n, 500, seed) @ x / n
        hits += Estimate.centred(float(x.mean()), draws, n).interval().includes(0.0)
    assert 0.915 <= hits / 400 <= 0.985
