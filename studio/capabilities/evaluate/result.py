"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import Field

from studio.core.files import Json
from studio.library.results import Noticed


class Evaluated(Noticed):
    domain: str
    judges: dict[str, Json] = Field(description="Who answered, by name.")
    judge: str = Field(description="Whose answers decide.")
    prompts: list[Json] = Field(description="Each with the questions that are asked of its samples.")
    seeds: list[int]
    candidates: list[Json] = Field(description="Each with its score, answers and classical figures.")
    comparisons: list[Json] = Field(description="Of the first candidate with every other, on the same prompts and seeds.")
    trust: Json = Field(description="How often judges catch errors that were planted.")
    report: str = Field(description="The whole report as one page, in the run's folder.")
