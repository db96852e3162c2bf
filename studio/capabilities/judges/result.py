"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import Field

from studio.core.files import Json
from studio.library.results import Taught


class Judged(Taught):
    judge: str | None = Field(description="Its id; None where it was not kept.")
    judged: list[Json] = Field(description="How it agrees with the truth, measurement by measurement.")
