"""Forward processes: diffusers' numbers at whole timesteps, exact inverses between them."""

import math

import pytest
import torch
from diffusers import DDIMScheduler

from studio.core.process import VP, Flow

SD = {"beta_start": 0.00085, "beta_end": 0.012}


@pytest.fixture(scope="module")
def vp() -> VP:
    return VP.scaled_linear(**SD)


def test_whole_timesteps_reproduce_diffusers(vp):
    reference = DDIMScheduler(beta_schedule="scaled_linear", **SD).alphas_cumprod.double()
    alpha, sigma = vp.alpha_sigma(torch.arange(1000))
    assert torch.equal(alpha**2, reference.sqrt() ** 2)
    assert torch.allclose(sigma**2, 1 - reference, rtol=0, atol=1e-12)
    assert alpha.dtype == torch.float64


def test_the_known_levels_of_sdxl(vp):
    for t, level in ((999, 14.61), (749, 4.08), (499, 1.61), (249, 0.69)):
        assert float(vp.noise_level(t)) == pytest.approx(level, rel=5e-3)


def test_variance_is_preserved_and_noise_grows(vp):
    t = torch.linspace(0, 999, 3001, dtype=torch.float64)
    alpha, sigma = vp.alpha_sigma(t)
    assert torch.allclose(alpha**2 + sigma**2, torch.ones_like(t), atol=1e-14)
    assert bool((vp.noise_level(t).diff() > 0).all())


@pytest.mark.parametrize("process", [VP.scaled_linear(**SD), Flow()], ids=["vp", "flow"])
def test_time_of_inverts_noise_level(process):
    t = torch.tensor([0.5, 1.0, 17.25, 499.0, 750.5, 998.0], dtype=torch.float64)
    assert torch.allclose(process.time_of(process.noise_level(t)), t, atol=1e-6)


def test_times_are_clamped_to_the_process(vp):
    assert float(vp.time_of(1e9)) == vp.t_max
    assert float(vp.time_of(0.0)) == 0.0
    assert float(Flow().time_of(math.inf)) == 1000.0


def test_below_zero_is_clean(vp):
    for process in (vp, Flow()):
        alpha, sigma = process.alpha_sigma(-1.0)
        assert (float(alpha), float(sigma)) == (1.0, 0.0)


def test_flow_is_a_straight_line():
    alpha, sigma = Flow().alpha_sigma(torch.tensor([0.0, 250.0, 1000.0]))
    assert alpha.tolist() == [1.0, 0.75, 0.0]
    assert sigma.tolist() == [0.0, 0.25, 1.0]
    assert math.isinf(float(Flow().noise_level(1000.0)))


def test_zero_terminal_snr_has_an_infinite_level_and_finite_neighbours():
    rescaled = DDIMScheduler(beta_schedule="scaled_linear", rescale_betas_zero_snr=True, **SD).alphas_cumprod
    rescaled[-1] = 0.0
    process = VP(rescaled)
    assert math.isinf(float(process.noise_level(999)))
    assert math.isfinite(float(process.noise_level(998.5)))


def test_alphas_that_grow_are_refused():
    with pytest.raises(ValueError, match="decreasing"):
        VP(torch.tensor([0.1, 0.9]))
