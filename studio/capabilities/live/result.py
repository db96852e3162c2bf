"""What a run of this kind leaves in `result.json`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from studio.core.files import Json
from studio.library.results import OfModels, Sample


class ShownArm(BaseModel):
    """Pictures of one text by one arm. ms: from the wish's turn to the files."""

    model_config = ConfigDict(extra="forbid")

    arm: str
    label: str = Field(description="As people read it.")
    nfe: float = Field(description="Network evaluations a picture.")
    ms: float = Field(description="Milliseconds that drawing and writing took.")
    images: list[Sample]


class ShownText(BaseModel):
    """A text at which typing paused."""

    model_config = ConfigDict(extra="forbid")

    wish: int = Field(description="Which text it was, from 0.")
    prompt: str
    arms: list[ShownArm]


class Shown(OfModels):
    adapters: dict[str, Json] = Field(description="That were worn, by id.")
    texts: list[ShownText] = Field(description="With the pictures that are kept; those of texts that were typed over are not.")
    drawn: int = Field(description="Texts that the first arm drew.")
    stale: int = Field(description="Wishes that a newer one came before.")
    ms: float | None = Field(description="Median of the first arm, milliseconds; None where it drew nothing.")
    ended: str = Field(description="Why, in a sentence; empty while it goes on.")
