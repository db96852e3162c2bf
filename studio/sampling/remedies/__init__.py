"""Published remedies against lost diversity, as settings of a segment. One file each; `base.Remedy` says what one may do.

Those that are plans of their own need no remedy here: guidance interval, restarts, student strength (`variants`), hybrids,
skip-first and noise modulation (`plan`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from studio.sampling.remedies.cads import CADS
from studio.sampling.remedies.particles import ParticleGuidance
from studio.sampling.remedies.prompt_noise import PromptNoise

AnyRemedy = Annotated[CADS | PromptNoise | ParticleGuidance, Field(discriminator="kind")]

__all__ = ["CADS", "AnyRemedy", "ParticleGuidance", "PromptNoise"]
