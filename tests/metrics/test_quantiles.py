import pytest
import torch

from studio.metrics.quantiles import quantile


def test_median_of_a_hundred():
    """Textbook: the 40th and 61st of 100 ordered values hold the median with 95 % (96.5 %)."""
    out = quantile(torch.arange(1, 101))
    assert (out.value, out.low, out.high, out.n) == (50, 40, 61, 100)


def test_few_values_have_no_interval():
    """Six values: 2 · 2⁻⁶ = 3.1 % lie outside the extremes, five: 6.3 %."""
    six = quantile([1, 2, 3, 4, 5, 6])
    assert (six.low, six.high) == (1, 6)
    five = quantile([1, 2, 3, 4, 5])
    assert five.value == 3 and five.low is None and "too small" in five.note
    assert quantile([]).value is None


@pytest.mark.parametrize("q", [0.25, 0.5, 0.75])
def test_coverage_of_tied_steps(q):
    g = torch.Generator().manual_seed(0)
    p = torch.tensor([0.1, 0.25, 0.3, 0.2, 0.15])
    truth = int((p.cumsum(0) < q - 1e-6).sum())
    hit = sum(bool(quantile(torch.multinomial(p, 40, True, generator=g), q).includes(truth)) for _ in range(200))
    assert hit / 200 >= 0.95


def test_errors():
    with pytest.raises(ValueError, match="0.5 for the median"):
        quantile([1.0], 1.0)
