"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from studio.core.files import Json
from studio.library.results import OfModels, Sample


class Cell(BaseModel):
    """One arm at one strength."""

    model_config = ConfigDict(extra="allow")

    arm: str
    strength: float
    images: list[Sample] = []
    nfe: float | None = None


class Controlled(OfModels):
    adapters: dict[str, Json]
    adapter: Json = Field(description="That was varied.")
    attribute: Json | None = Field(description="What it moves, and who reads that; None where nobody does.")
    labels: dict[str, str] = Field(description="Of arms, as people read them.")
    cells: list[Cell]
    measured: Json = Field(description="By arm: the slope of what is moved, rank correlation, even range.")
