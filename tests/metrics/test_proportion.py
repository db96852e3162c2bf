import pytest

from studio.metrics.proportion import wilson
from tests.support.properties import given, settings, st


@pytest.mark.parametrize(  # Newcombe 1998, Statistics in Medicine 17, table I, method 3
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_published_values(successes, n, low, high):
    interval = wilson(successes, n)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)
    assert interval.value == successes / n


def test_no_samples_is_not_a_number_but_no_crash():
    assert wilson(0, 0).value is None and wilson(0, 0).low is None


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_range_and_symmetry(pair):
    k, n = pair
    a, b = wilson(k, n), wilson(n - k, n)
    assert 0 <= a.low <= a.value <= a.high <= 1
    assert a.low == pytest.approx(1 - b.high, abs=1e-12)
    assert wilson(2 * k, 2 * n).high - wilson(2 * k, 2 * n).low < a.high - a.low


@pytest.mark.parametrize(("k", "n", "level"), [(3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)])
def test_errors_say_what_fits(k, n, level):
    with pytest.raises(ValueError, match="between 0 and"):
        wilson(k, n, level)
