"""What runs leave in `result.json`, kind by kind: the shapes that several kinds share. No torch.

A kind names its shape when it adds itself (`KINDS.add(…, gives=…)`), so that programs and agents know what they get. A result
holds what is finished; that of a run which goes on, or was stopped, may lack what comes last.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from studio.core.files import Json


class Result(BaseModel):
    """versions: of Python and of the packages that decide what is drawn. request: as it was given, with what was left out."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    request: Json = Field(description="As it was given, with what was left out.")
    versions: dict[str, str] = Field(description="Of Python and of the packages that decide what is drawn.")


class Noticed(Result):
    notices: list[str] = Field(description="What a person should know of it.")


class OfModels(Noticed):
    models: dict[str, Json] = Field(description="By id, the hash of the weights and the title.")


class Sample(BaseModel):
    """One sample as it is kept. url: address of its still."""

    model_config = ConfigDict(extra="forbid")

    seed: int
    path: str = Field(description="Of its still, in the run's folder; `url` in answers of the page's server.")
    files: list[str] = Field(default=[], description="What a picture cannot hold.")


class Drawn(BaseModel):
    """One arm. measures: figures by name, an interval {"value", "low", "high", "n", "note"} or a number."""

    model_config = ConfigDict(extra="forbid")

    arm: str
    label: str = Field(description="As people read it.")
    plan: Json = Field(description="Who takes which step, how.")
    nfe: float = Field(description="Network evaluations a picture.")
    seconds: float
    seconds_per_image: float
    images: list[Sample]
    measures: Json = Field(description='Figures by name: {"value", "low", "high", "n", "note"}, or a number.')
    figures_by: str = Field(default="", description="Who read them, where no oracle does.")


class Compared(OfModels):
    """Of a comparison."""

    adapters: dict[str, Json] = Field(description="That were worn, by id.")
    hints: list[Json] = Field(description="What ControlNets followed.")
    arms: list[Drawn]
    recovery: list[Json] = Field(description="By hybrid and remedy, how much of the lost diversity is back, with a sentence.")
    dtypes: dict[str, str] = Field(description="What networks computed in, by model.")
    residency: str = Field(description="What stayed on the device, one sentence.")
    additions: Json = Field(default={}, description="What capabilities added, by name.")
    figures_by: Json | None = Field(default=None, description="Who read, where no oracle does.")
    tiny_decoder: Json | None = Field(default=None, description="What tiny decoders drew.")


class Taught(OfModels):
    """Of a job that trains."""

    base: str = Field(default="", description="The model that was taught.")
    step: int = Field(description="Updates that were taken.")
    losses: dict[str, float | None] = Field(description="Smoothed, at the end.")
    skipped: int = Field(description="Updates that were left out, as they were not finite.")
    sink_failures: dict[str, int] = Field(description="Where curves could not be sent, how often.")


class TaughtAdapter(Taught):
    """Of a job whose work is an adapter."""

    adapter: str | None = Field(description="Its id; None where it was not kept.")
