"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from studio.core.files import Json
from studio.library.results import Noticed


class Measured(Noticed):
    teacher: str
    rows: list[Json]
