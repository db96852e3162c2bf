"""CADS: the condition is drowned in noise at high noise levels and comes back while the sample forms.

Sadat et al. 2023 (arXiv 2310.17347), section 3.1: ŷ = √γ(t) y + s √(1 − γ(t)) n with fresh n at every step; eq. 2, the
schedule γ; then rescaling to y's own mean and deviation, mixed in by ψ (eq. 4). t is the share of the process, 1 = noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from studio.sampling.remedies.base import Moment, Remedy
from studio.sampling.remedies.condition_noise import noised

if TYPE_CHECKING:
    from studio.core.denoiser import Cond


class CADS(Remedy):
    """Defaults are the paper's for Stable Diffusion.

    s: scale of the noise; 0 is off. tau1, tau2: below tau1 the condition is whole, from tau2 on it is noise alone. A student
    of few steps stands at t = 1 in its first step, so with a tau2 of at most 1 that step never hears the prompt, and with
    psi = 1 every s is the same there; a tau2 above 1, which is ours, leaves it a part.
    psi: 1 = rescaled as published, 0 = not rescaled. names: tensors of the condition; none = all that describe something.
    """

    draws: ClassVar[bool] = True
    kind: Literal["cads"] = "cads"
    s: float = Field(default=0.25, ge=0, allow_inf_nan=False)
    tau1: float = Field(default=0.6, allow_inf_nan=False)
    tau2: float = Field(default=0.9, allow_inf_nan=False)
    psi: float = Field(default=1.0, ge=0, le=1)
    names: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> CADS:
        if not 0 <= self.tau1 <= self.tau2 <= 2:
            raise ValueError(f"tau1 {self.tau1:g} and tau2 {self.tau2:g} do not fit; 0 ≤ tau1 ≤ tau2 ≤ 2 would")
        return self

    @property
    def neutral(self) -> bool:
        return self.s == 0

    def gamma(self, t: float) -> float:
        """Eq. 2."""
        if t <= self.tau1:
            return 1.0
        return 0.0 if t >= self.tau2 else (self.tau2 - t) / (self.tau2 - self.tau1)

    def active(self, moment: Moment) -> bool:
        return not self.neutral and self.gamma(moment.share) < 1

    def condition(self, cond: Cond, seeds: Sequence[int], moment: Moment) -> Cond:
        gamma = self.gamma(moment.share)
        purpose = f"cads {moment.position}"
        return noised(cond, seeds, purpose, math.sqrt(gamma), self.s * math.sqrt(1 - gamma), self.psi, self.names)
