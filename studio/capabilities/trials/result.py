"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from studio.core.files import Json


class Tried(BaseModel):
    model_config = ConfigDict(extra="forbid")

    cost: Json
