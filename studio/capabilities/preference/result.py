"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import Field

from studio.core.files import Json
from studio.library.results import Result, TaughtAdapter


class Preferred(TaughtAdapter):
    method: str
    rewards: Json | list[Json] | None
    voted: int | None = Field(description="Pairs that were decided.")
    diverged: str | None | bool
    preferred: list[Json]


class Paired(Result):
    model: str
    weights: str
    domain: str
    plan: Json
    pairs: list[Json]
