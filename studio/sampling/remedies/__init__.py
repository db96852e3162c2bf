"""Published remedies against lost diversity, as settings of a segment. One file each, found by scanning this folder;
`base.Remedy` says what one may do.

Those that are plans of their own need no remedy here: guidance interval, restarts, student strength (`variants`), hybrids,
skip-first and noise modulation (`plan`).
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from studio.sampling.remedies.base import Remedy
from studio.sampling.remedies.cads import CADS
from studio.sampling.remedies.particles import ParticleGuidance
from studio.sampling.remedies.prompt_noise import PromptNoise

if TYPE_CHECKING:
    AnyRemedy = CADS | ParticleGuidance | PromptNoise
else:
    for _found in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{_found.name}")
    _kinds: list[type[Remedy]] = [cls for cls in Remedy.__subclasses__() if "kind" in cls.model_fields]
    AnyRemedy = Annotated[reduce(or_, sorted(_kinds, key=lambda cls: cls.__name__)), Field(discriminator="kind")]

__all__ = ["CADS", "AnyRemedy", "ParticleGuidance", "PromptNoise"]
