"""Mixture: one position of the sliders of the exact Gaussian-mixture laboratory. Takes no model and milliseconds.

The laboratory itself is `metrics.gmm_lab`; it needs torch, which lives in the worker, hence a job. A run leaves nothing but
its result behind, and whoever asked may delete it once it is read.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from studio.capabilities.mixture.result import Page
from studio.jobs.kinds import KINDS

N_STEPS = 4  # of the laboratory's grid, as published students take


class MixtureRequest(BaseModel):
    """Where the sliders stand. The same position always gives the same answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    D: int = Field(default=256, ge=1, le=4096, title="Dimensions D", description="More of them, more evidence at every step.")
    beta: float = Field(
        default=3.0,
        ge=0,
        le=8,
        allow_inf_nan=False,
        title="Mode seeking β",
        description="The student's prior is the world's to the power β; 1 is none.",
    )
    K: int = Field(default=8, ge=2, le=32, title="Prototypes K", description="Modes of the data.")
    k: int = Field(default=1, ge=0, le=N_STEPS, title="Base steps k", description="Of four.")
    order: Literal["base first", "student first"] = Field(default="base first", title="Order")


KINDS.add(
    "mixture",
    title="Mixture laboratory",
    config=MixtureRequest,
    lane="interactive",
    visitors=True,
    weight=0.05,  # a slider that is moved asks again and again
    label=lambda request: f"Mixture: D = {request.D}, β = {request.beta:g}",
    work="studio.capabilities.mixture.work:Mixture",
    gives=Page,
)
