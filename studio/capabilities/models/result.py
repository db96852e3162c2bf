"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from studio.core.files import Json


class Fetched(BaseModel):
    model_config = ConfigDict(extra="allow")

    model: str
    hub: str
    commit: str
    files: list[Json]
    bytes: int
    moved: int = Field(description="Bytes that this run downloaded.")
    seconds: float
