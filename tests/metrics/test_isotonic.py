import torch

from studio.metrics.isotonic import rising
from tests.support.properties import given, settings, st


def test_pools_what_falls():
    assert rising(torch.tensor([1.0, 3.0, 2.0, 4.0])).tolist() == [1.0, 2.5, 2.5, 4.0]
    assert rising(torch.tensor([3.0, 2.0, 1.0])).tolist() == [2.0, 2.0, 2.0]
    assert rising(torch.tensor([0.25, 0.5, 1.0])).tolist() == [0.25, 0.5, 1.0]
    assert rising(torch.empty(0)).shape == (0,)


@settings(deadline=None, derandomize=True, max_examples=15)
@given(st.integers(1, 8), st.integers(0, 10**6))
def test_rises_keeps_the_sum_and_is_nearest(steps, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(steps, 3, generator=g).double()
    fit = rising(x)
    assert bool((fit.diff(dim=0) >= -1e-12).all()) and torch.allclose(fit.sum(0), x.sum(0))
    # least squares: x − fit is orthogonal to fit, and no rising series lies on its side
    other = torch.rand(steps, 3, generator=g).double().sort(0).values
    assert torch.allclose(((x - fit) * fit).sum(0), torch.zeros(3).double(), atol=1e-9)
    assert bool((((x - fit) * other).sum(0) <= 1e-9).all())
