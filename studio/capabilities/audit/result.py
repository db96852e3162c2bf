"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import Field

from studio.core.files import Json
from studio.library.results import OfModels


class Audited(OfModels):
    adapter: str = Field(description="That makes the model forget.")
    model: str
    never_saw: str | None = Field(description="The model that never saw the concept.")
    concept: Json
    verdict: str = Field(description="One sentence from the measurements.")
    attacks: list[Json] = Field(description="Each with its rows: successes, n, interval, budget, on every model.")
    left_out: list[Json | str]
    report: str = Field(description="The whole report as one page, in the run's folder.")
