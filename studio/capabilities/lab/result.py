"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from studio.core.files import Json
from studio.library.results import Result


class Studied(Result):
    """What a study concludes besides is its own: tables of its figures, by name."""

    model_config = ConfigDict(extra="allow")

    models: dict[str, Json]
    study: str
    title: str
    card: Json = Field(description="What is asked, and of which paper.")
    seeds: int = Field(description="Of every prompt, that were drawn.")
    prompts: list[str]
    arms: list[Json]
    control: Json | None = Field(description="The identity control.")
    evaluations: Json
    verdicts: list[Json] = Field(description="What holds, what does not, and what cannot be told.")
