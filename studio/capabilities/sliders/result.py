"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import Field

from studio.core.files import Json
from studio.library.results import TaughtAdapter


class Slid(TaughtAdapter):
    responses: list[Json] = Field(description="What is moved at every strength, by model and measurement.")
    calibration: Json | None = Field(description="What strength 1 is.")
