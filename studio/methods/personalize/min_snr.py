"""Min-SNR-γ: no noise level pulls harder than the others (Hang et al. 2023, arXiv 2303.09556, section 3.4).

The paper weighs the error of the clean estimate by min(SNR, γ), SNR = alpha² / sigma². An error e of x̂0 is an error of e / sigma
of what is taught (`personal.missed`), v on variance-preserving models and eps − x0 on flows, so that its square is weighed by

    w(t) = min(alpha², γ sigma²),

finite at every time. Where alpha² + sigma² = 1 this is the paper's min(SNR, γ) / (SNR + 1).
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.core.process import Gaussian


def min_snr(process: Gaussian, t: Tensor, gamma: float) -> Tensor:
    """w [B], float32, of squared errors at times t [B]; 1 everywhere where gamma is 0."""
    if not gamma:
        return torch.ones_like(t, dtype=torch.float32)
    alpha, sigma = process.alpha_sigma(t)
    return torch.minimum(alpha**2, gamma * sigma**2).float()
