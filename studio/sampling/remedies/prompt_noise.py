"""Prompt-embedding noise: every seed has a condition of its own, a little beside the prompt's, at all steps alike.

The constant-noise baseline of CADS (Sadat et al. 2023, arXiv 2310.17347): ŷ = y + s n, without the schedule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from studio.sampling.remedies.base import Moment, Remedy
from studio.sampling.remedies.condition_noise import noised

if TYPE_CHECKING:
    from studio.core.denoiser import Cond


class PromptNoise(Remedy):
    """s: scale of the noise; 0 is off. psi and names as in `CADS`. A seed's noise is the same in every plan and step."""

    kind: Literal["prompt-noise"] = "prompt-noise"
    s: float = Field(default=0.25, ge=0, allow_inf_nan=False)
    psi: float = Field(default=1.0, ge=0, le=1)
    names: tuple[str, ...] = ()

    @property
    def neutral(self) -> bool:
        return self.s == 0

    def condition(self, cond: Cond, seeds: Sequence[int], moment: Moment) -> Cond:
        return noised(cond, seeds, self.kind, 1.0, self.s, self.psi, self.names)
