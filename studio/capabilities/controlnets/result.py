"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import Field

from studio.core.files import Json
from studio.library.results import Taught


class Hinted(Taught):
    controlnet: str | None = Field(description="Its id; None where it was not kept.")
    agreement: list[Json] = Field(description="How far pictures follow their hints, by model, with it and without.")
