"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import Field

from studio.core.files import Json
from studio.library.results import Taught


class Distilled(Taught):
    student: str | None = Field(description="Its id; None where it was not kept.")
    teacher: str
    measures: Json | list[Json] = Field(description="Figures of every measurement.")
    symptoms: list[Json] = Field(description="What was found wrong on the way, and what may help.")
