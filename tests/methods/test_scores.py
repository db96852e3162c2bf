"""Losses on score differences against quadrature, in one dimension where everything is known.

Student N(mu, tau²), teacher N(m, v0), both with noise sigma added (alpha = 1): scores are linear, r is a ratio of
Gaussians. What the training losses' Monte-Carlo gradient must be is the gradient of the divergence itself.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from studio.core.scores import DIVERGENCES, normaliser, sid, sim, towards, uni_instruct

M, V0, SIGMA, MU, TAU = 0.3, 1.1, 0.7, -0.4, 0.6
N = 400_000
SCALE = torch.full((1,), 1 / SIGMA**2, dtype=torch.float64)  # alpha / sigma²


def log_density(x: Tensor, mean: Tensor | float, variance: Tensor | float) -> Tensor:
    return -0.5 * (x - mean) ** 2 / variance - 0.5 * torch.log(2 * math.pi * torch.as_tensor(variance, dtype=torch.float64))


def by_quadrature(integrand) -> tuple[float, float]:
    """(d/d mu, d/d tau) of the integral of integrand(x, log p, log q, d = s_S − s_T) over x."""
    mu, tau = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (MU, TAU))
    x = torch.linspace(-14, 14, 40_001, dtype=torch.float64)
    p, q = log_density(x, M, V0 + SIGMA**2), log_density(x, mu, tau**2 + SIGMA**2)
    d = -(x - mu) / (tau**2 + SIGMA**2) + (x - M) / (V0 + SIGMA**2)
    value = torch.trapezoid(integrand(p, q, d), x)
    return tuple(float(g) for g in torch.autograd.grad(value, (mu, tau)))  # type: ignore[return-value]


def by_training(loss) -> tuple[float, float]:
    """The same derivatives of mean loss(x, x_t, real, fake, r) over student samples, parameters of the scores frozen."""
    g = torch.Generator().manual_seed(0)
    mu, tau = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (MU, TAU))
    z, eps = (torch.randn(N, 1, generator=g, dtype=torch.float64) for _ in range(2))
    x = mu + tau * z
    xt = x + SIGMA * eps
    real = xt - SIGMA**2 * (xt - M) / (V0 + SIGMA**2)  # x0-predictions, x_t + sigma² score
    fake = xt - SIGMA**2 * (xt - MU) / (TAU**2 + SIGMA**2)
    r = (log_density(xt, M, V0 + SIGMA**2) - log_density(xt, MU, TAU**2 + SIGMA**2)).exp().detach().squeeze(1)
    return tuple(float(g) for g in torch.autograd.grad(loss(x, xt, real, fake, r).mean(), (mu, tau)))  # type: ignore[return-value]


def close(ours: tuple[float, float], true: tuple[float, float], tolerance: float) -> None:
    assert max(abs(a - b) for a, b in zip(ours, true, strict=True)) < tolerance * max(map(abs, true)), (ours, true)


@pytest.mark.parametrize("name", ["reverse-kl", "softened-reverse-kl", "jensen-shannon", "hellinger", "forward-kl", "jeffreys"])
def test_weighted_score_difference_is_the_gradient_of_the_divergence(name: str) -> None:
    """f-distill: E[h(r) (s_S − s_T) dx/dtheta] = d D_f / dtheta."""
    f = DIVERGENCES[name]
    true = by_quadrature(lambda p, q, d: q.exp() * f.f((p - q).exp()))
    ours = by_training(lambda x, xt, real, fake, r: towards(x, f.C(r)[:, None] * (real - fake).detach() / SIGMA**2))
    close(ours, true, 0.1 if name in ("forward-kl", "jeffreys") else 0.03)  # heavy tails


@pytest.mark.parametrize("name", DIVERGENCES)
def test_weights_follow_from_the_divergence(name: str) -> None:
    """C(r) = r² f''(r), and slope is its derivative."""
    f = DIVERGENCES[name]
    r = torch.linspace(0.2, 4, 50, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(f.f(r).sum(), r, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), r)
    assert torch.allclose(f.C(r.detach()), r.detach() ** 2 * second, atol=1e-9)
    C = f.C(r)
    slope = torch.autograd.grad(C.sum(), r)[0] if C.requires_grad else torch.zeros_like(r)
    assert torch.allclose(f.slope(r.detach()), slope, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "tolerance"), [("reverse-kl", 0.02), ("jensen-shannon", 0.02), ("forward-kl", 0.1), ("jeffreys", 0.1)]
)
def test_uni_instruct_is_the_gradient_of_the_weighted_fisher_divergence(name: str, tolerance: float) -> None:
    """d/dtheta E[C(r) ‖s_S − s_T‖²]; the forward KL has heavy tails."""
    f = DIVERGENCES[name]
    true = by_quadrature(lambda p, q, d: q.exp() * f.C((p - q).exp()) * d**2)
    ours = by_training(lambda x, xt, real, fake, r: uni_instruct(x, xt, real, fake, r, SCALE, f) * normaliser(x, real) / SIGMA**4)
    close(ours, true, tolerance)


def test_a_held_ratio_term_lies_between_the_exact_gradient_and_a_frozen_ratio() -> None:
    """No sample's gradient through r is longer than `most` times the direct one; shorter ones stay as they are."""
    f, g = DIVERGENCES["forward-kl"], torch.Generator().manual_seed(1)
    x, eps = (torch.randn(64, 5, generator=g, dtype=torch.float64) for _ in range(2))
    r = torch.rand(64, generator=g, dtype=torch.float64) + 0.5
    A = torch.randn(64, 5, generator=g, dtype=torch.float64)

    def gradient(most: float) -> Tensor:
        leaf = x.clone().requires_grad_()
        xt = leaf + 0.1 * eps
        loss = uni_instruct(leaf, xt, x + 0.1 * A + 0.05 * eps, x + 0.05 * eps, r, torch.full((64,), 100.0).double(), f, most)
        return torch.autograd.grad((loss * normaliser(x, x + 0.1 * A + 0.05 * eps)).sum(), leaf)[0]

    frozen, held, exact = gradient(0), gradient(1.0), gradient(math.inf)
    direct = 2 * r * 0.1 * A.norm(dim=1) / 5
    through, whole = (held - frozen).norm(dim=1), (exact - frozen).norm(dim=1)
    long = whole > direct
    assert 0 < int(long.sum()) < 64
    assert torch.allclose(through[long], direct[long]) and torch.allclose(through[~long], whole[~long])
    assert bool((torch.cosine_similarity(held - frozen, exact - frozen) > 0.999999).all())


def test_a_frozen_ratio_is_right_for_the_mean_and_wrong_for_the_spread() -> None:
    """The mean's derivative keeps its value; the spread's is −3.16 where −4.81 is true (forward KL)."""
    f = DIVERGENCES["forward-kl"]
    true = by_quadrature(lambda p, q, d: q.exp() * f.C((p - q).exp()) * d**2)
    loss = lambda x, xt, real, fake, r: uni_instruct(x, xt, real, fake, r, SCALE, f, 0.0) * normaliser(x, real) / SIGMA**4  # noqa: E731
    mean, spread = by_training(loss)
    assert mean == pytest.approx(true[0], rel=0.05) and spread == pytest.approx(-3.157, rel=0.05)


def test_sid_at_one_half_is_half_the_fisher_gradient_and_at_one_is_not() -> None:
    true = by_quadrature(lambda p, q, d: q.exp() * d**2)
    half, one = (
        by_training(lambda x, xt, real, fake, r, alpha=alpha: sid(x, real, fake, alpha) * normaliser(x, real) / SIGMA**4)
        for alpha in (0.5, 1.0)
    )
    close(tuple(2 * g for g in half), true, 0.02)  # type: ignore[arg-type]
    assert abs(2 * one[1] - true[1]) > 0.1 * abs(true[1])


def test_sim_with_a_large_constant_is_sid_without_the_squared_term() -> None:
    """c ≫ ‖A‖ makes the pseudo-Huber distance the squared one, over 2c."""
    c = 1e4
    ours = by_training(lambda x, xt, real, fake, r: sim(x, real, fake, c) * c / SIGMA**4)
    like = by_training(lambda x, xt, real, fake, r: sid(x, real, fake, 1.0) * normaliser(x, real) / SIGMA**4)
    close(ours, like, 1e-6)
