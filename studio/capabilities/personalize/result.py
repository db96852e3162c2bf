"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import Field

from studio.core.files import Json
from studio.library.results import TaughtAdapter


class Personalized(TaughtAdapter):
    word: str
    subject: str
    method: str
    rows: list[Json] = Field(
        default=[], description="Hit, other prompts, leak, damage and diversity, by model and measurement; not of sine."
    )
    reader: Json | None = Field(default=None, description="Who tells the subject, and how often it errs.")
    diverged: str | bool | None = None
    teacher_adapter: str | None = Field(default=None, description="Of methods that teach the teacher too.")
    edited: list[Json] = Field(default=[], description="Of sine: figures of every edit, by way and measurement.")
    mode: str = Field(default="", description="Of sine: whole or patches.")
    source: str = Field(default="", description="Of sine: what the one picture shows.")
    ways: Json = Field(default={}, description="Of sine: the edits that are drawn.")
