"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from studio.core.files import Json
from studio.library.results import OfModels, Sample


class GridCell(BaseModel):
    """One combination of values."""

    model_config = ConfigDict(extra="forbid")

    at: list[int] = Field(description="Place on each axis, from 0.")
    why: str = Field(default="", description="Why it could not be drawn.")
    images: list[Sample] = []
    nfe: float | None = Field(default=None, description="Network evaluations a picture.")
    seconds_per_image: float | None = Field(default=None, description="None where it was drawn before.")
    measures: Json = Field(default={}, description='Figures by name: {"value", "low", "high", "n", "note"}, or a number.')
    figures_by: str = Field(default="", description="Who read them, where no oracle does.")


class GridAxis(BaseModel):
    model_config = ConfigDict(extra="forbid")

    setting: str
    title: str
    labels: list[str] = Field(description="Its values as people read them.")


class Gridded(OfModels):
    adapters: dict[str, Json] = Field(description="That were worn, by id.")
    axes: list[GridAxis]
    cells: list[GridCell]
    evaluations: dict[str, int] = Field(description="Of networks: computed, and spared because a sample was drawn before.")
