"""Four predictions, one meaning."""

import pytest
import torch

from studio.core.denoiser import Denoiser, from_x0, to_x0
from studio.core.process import VP, Flow

KINDS = ("x0", "eps", "v", "flow")
PROCESSES = {"vp": VP.scaled_linear(0.00085, 0.012), "flow": Flow()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_every_prediction_gives_x0_back(kind, process):
    g = torch.Generator().manual_seed(0)
    x0, eps = (torch.randn(3, 2, 5, generator=g, dtype=torch.float64) for _ in range(2))
    alpha, sigma = process.alpha_sigma(torch.tensor([20.0, 500.0, 980.0]))
    x = alpha[:, None, None] * x0 + sigma[:, None, None] * eps
    F = from_x0(kind, x0, x, alpha, sigma)
    assert torch.allclose(to_x0(kind, F, x, alpha, sigma), x0, atol=1e-10)


def test_definitions_of_v_and_flow():
    x0, eps = torch.tensor([[2.0]]), torch.tensor([[3.0]])
    alpha, sigma = torch.tensor(0.8, dtype=torch.float64), torch.tensor(0.6, dtype=torch.float64)
    x = 0.8 * x0 + 0.6 * eps
    assert float(from_x0("v", x0, x, alpha, sigma)) == pytest.approx(0.8 * 3 - 0.6 * 2, abs=1e-6)
    assert float(from_x0("flow", x0, x, alpha, sigma)) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_asking_for_x0_eps_or_velocity_never_depends_on_the_kind(kind):
    process = PROCESSES["vp"]
    target = torch.full((4, 3), 0.5)

    def network(x, t, cond):
        alpha, sigma = process.alpha_sigma(t.double())
        return from_x0(kind, target.to(x), x, alpha, sigma)

    model = Denoiser(network, process, kind)
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(1)).double()
    alpha, sigma = (float(c) for c in process.alpha_sigma(700.0))
    eps = (x - alpha * 0.5) / sigma
    assert torch.allclose(model.x0(x, 700.0, {}), target.double(), atol=1e-6)
    assert torch.allclose(model.eps(x, 700.0, {}), eps, atol=1e-6)
    assert torch.allclose(model.velocity(x, 700.0, {}), alpha * eps - sigma * 0.5, atol=1e-6)
    assert model.calls == 3


def test_an_eps_network_is_refused_where_there_is_no_signal():
    one, zero = torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64)
    with pytest.raises(ValueError, match="alpha = 0"):
        to_x0("eps", torch.zeros(1, 1), torch.zeros(1, 1), zero, one)
    with pytest.raises(ValueError, match="one of x0, eps, v, flow"):
        to_x0("epsilon", torch.zeros(1, 1), torch.zeros(1, 1), one, one)
