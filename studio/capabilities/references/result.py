"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import Field

from studio.core.files import Json
from studio.library.results import TaughtAdapter


class Referred(TaughtAdapter):
    referred: list[Json] = Field(description="How far pictures follow the picture that is shown, by attribute and model.")
    readable: Json | None = Field(default=None, description="How much of each attribute latents hold at all.")
