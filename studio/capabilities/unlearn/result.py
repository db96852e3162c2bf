"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import Field

from studio.core.files import Json
from studio.library.results import TaughtAdapter


class Forgotten(TaughtAdapter):
    method: str
    concepts: list[Json]
    forgotten: list[Json] = Field(description="Forgotten, in-domain and cross-domain prompts, by model and measurement.")
