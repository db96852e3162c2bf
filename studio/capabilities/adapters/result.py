"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Handled(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(description="Of what was made, or was written to files.")
    said: list[str]
    files: list[str] = Field(description="That may be saved, in the run's folder.")
