"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import Field

from studio.core.files import Json
from studio.library.results import Drawn, OfModels


class Scrubbed(OfModels):
    root: str = Field(description="The run that drew the first arms.")
    prompt: str
    seeds: list[int]
    rows: list[Json] = Field(description="Arms and branches: their steps, NFE and plan.")
    branches: dict[str, Json]
    evaluations: Json
    hints: list[Json]
    adapters: dict[str, Json]
    arms: list[Drawn] = Field(default=[], description="Of the comparison that was drawn.")
    recovery: list[Json] = []
    additions: Json = {}
    tiny_decoder: Json | None = None
