"""Score-difference losses: every distribution-matching objective in one notation.

x = G(...) is a student sample, x_t = alpha x + sigma eps; ``real`` and ``fake`` are the x0-predictions of the guided
teacher and of the fake score at x_t, and A = real − fake. Since s_S − s_T = −(alpha / sigma²) A for the scores, moving
x along +A reduces KL(student || teacher). Losses are per sample, [B], and mean over elements; n is the normaliser of
DMD (arXiv 2311.18828, equation 7), which takes the noise level out of the size of the gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from studio.core.parallel import batch_mean


def mean(x: Tensor) -> Tensor:
    """[B, ...] -> [B], mean over elements."""
    return x.flatten(1).mean(1)


def per_sample(value: Tensor, x: Tensor) -> Tensor:
    """[B] shaped to multiply x [B, ...]."""
    return value.reshape(-1, *([1] * (x.ndim - 1)))


def normaliser(x: Tensor, real: Tensor) -> Tensor:
    """n [B] = mean |x − real|, at least 1e-5."""
    return mean((x - real).abs()).clamp_min(1e-5).detach()


def towards(x: Tensor, direction: Tensor) -> Tensor:
    """[B]: ½ Σ (x − sg[x + direction])², whose gradient on x is −direction."""
    return 0.5 * ((x - (x + direction).detach()) ** 2).flatten(1).sum(1)


def sid(x: Tensor, real: Tensor, fake: Tensor, alpha: float) -> Tensor:
    """Score identity distillation (Zhou et al. 2024, arXiv 2404.04057, equation 23): [B], gradient also through x_t.

    A·(fake − x) + (1 − alpha) A², over n. alpha = ½ is half the gradient of the Fisher divergence; alpha = 1 drops the
    squared term; about 1.2 was found best there.
    """
    A = real - fake
    return mean(A * (fake - x) + (1 - alpha) * A**2) / normaliser(x, real)


def sim(x: Tensor, real: Tensor, fake: Tensor, c: float) -> Tensor:
    """Score implicit matching (Luo et al. 2024, arXiv 2410.16794) with the pseudo-Huber distance: [B].

    ⟨A, fake − x⟩ / sqrt(‖A‖² + c²), gradient also through x_t; self-normalised, so it needs no n.
    """
    A = (real - fake).flatten(1)
    return (A * (fake - x).flatten(1)).sum(1) / (A.square().sum(1) + c**2).sqrt() / math.sqrt(A.shape[1])


@dataclass(frozen=True)
class Divergence:
    """D_f(teacher || student) = E_G[f(r)], r = p_T / p_G. C(r) = r² f''(r) weighs the score difference; slope is C'(r)."""

    title: str
    f: Callable[[Tensor], Tensor]
    C: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


def _one(r: Tensor) -> Tensor:
    return torch.ones_like(r)


# f-distill (Xu et al. 2025, arXiv 2502.15681), table 1
DIVERGENCES: dict[str, Divergence] = {
    "reverse-kl": Divergence("reverse KL (mode seeking; this is DMD)", lambda r: -r.log(), _one, torch.zeros_like),
    "softened-reverse-kl": Divergence(
        "softened reverse KL", lambda r: (r + 1) * (0.5 + 0.5 / r).log(), lambda r: 1 / (1 + r), lambda r: -1 / (1 + r) ** 2
    ),
    "jensen-shannon": Divergence(
        "Jensen–Shannon (the paper's choice)", lambda r: r * r.log() - (r + 1) * ((r + 1) / 2).log(),
        lambda r: r / (1 + r), lambda r: 1 / (1 + r) ** 2,
    ),
    "hellinger": Divergence(
        "squared Hellinger", lambda r: (r.sqrt() - 1) ** 2, lambda r: 0.5 * r.sqrt(), lambda r: 0.25 / r.sqrt()
    ),
    "forward-kl": Divergence("forward KL (mode covering, noisy)", lambda r: r * r.log(), lambda r: r, _one),
    "jeffreys": Divergence("Jeffreys (both KLs)", lambda r: (r - 1) * r.log(), lambda r: 1 + r, _one),
    "neyman": Divergence("Neyman χ² (avoid: it explodes)", lambda r: 1 / r - 1, lambda r: 2 / r, lambda r: -2 / r**2),
}  # fmt: skip


def uni_instruct(
    x: Tensor, xt: Tensor, real: Tensor, fake: Tensor, r: Tensor, scale: Tensor, divergence: Divergence, most: float = math.inf
) -> Tensor:
    """Integral f-divergence along the diffusion (Uni-Instruct, Wang et al. 2025, arXiv 2505.20755): [B].

    (C − r C') A² + 2 C A·(fake − x), over n, with autograd through x_t everywhere. r [B] is the density ratio at x_t,
    scale [B] = alpha / sigma² there: since ∇ log r = s_T − s_S = scale · A, the way r depends on x_t is known without
    differentiating the network that estimated it. Freezing r would be exact for the reverse KL alone.

    most: how long the gradient through r may be beside the direct one, 2 C A; infinity is the exact gradient, 0 freezes
    r. A·(fake − x) has mean 0 given x_t, so the term through r is the gradient of a covariance, and one sample of it is noise
    that grows with 1 / sigma² and with the number of elements.
    """
    A = real - fake
    squares, inner = mean(A**2), mean(A * (fake - x))

    def summed(r: Tensor, squares: Tensor, inner: Tensor) -> Tensor:
        C = divergence.C(r)
        return (C - r * divergence.slope(r)) * squares + 2 * C * inner

    share = torch.ones_like(scale)
    if math.isfinite(most):
        with torch.enable_grad():
            at = r.detach().clone().requires_grad_()
            (felt,) = torch.autograd.grad(summed(at, squares.detach(), inner.detach()).sum(), at)
        direct, through = 2 * divergence.C(r.detach()) / x[0].numel(), r.detach() * scale * felt.abs()  # both times ‖A‖ / n
        share = (most * direct / through.clamp_min(1e-20)).clamp(max=1)
    slope = (share * scale)[:, None] * A.detach().flatten(1)
    r = r.detach() * torch.exp((slope * (xt - xt.detach()).flatten(1)).sum(1))  # its value is r, its gradient that of r
    return summed(r, squares, inner) / normaliser(x, real)


def density_ratio(logits: Tensor, clip: float = 20.0) -> Tensor:
    """r [B] = p_T / p_G from a discriminator's logits (real = teacher), mean 1 over the batch, in [1/clip, clip]."""
    r = logits.detach().clamp(-10, 10).exp()
    return (r / batch_mean(r).clamp_min(1e-6)).clamp(1 / clip, clip)


def generator_loss(fake_logits: Tensor) -> Tensor:
    """[B]: non-saturating GAN loss, softplus(−D(fake)) (Goodfellow et al. 2014)."""
    return F.softplus(-fake_logits)


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """[B]: softplus(−D(real)) + softplus(D(fake))."""
    return F.softplus(-real_logits) + F.softplus(fake_logits)
