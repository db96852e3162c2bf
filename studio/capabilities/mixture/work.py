"""Executing a mixture: arithmetic, no model."""

from __future__ import annotations

from studio.capabilities.mixture.request import MixtureRequest
from studio.core.files import Json
from studio.jobs.run import Run
from studio.metrics.mixture_page import lab_page
from studio.workshop.tools import Tools


class Mixture:
    """One run of the kind `mixture`: what `lab_page` says of this position."""

    def __init__(self, request: MixtureRequest, run: Run[Tools]):
        self.request, self.job = request, run

    def run(self) -> Json:
        self.job.state("running")
        return lab_page(**self.request.model_dump())
