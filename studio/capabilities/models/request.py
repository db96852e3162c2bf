"""Downloading a listed model. In a lane of its own, whose worker opens nothing: a training and a download do not wait for each
other."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from studio.capabilities.models.result import Fetched
from studio.jobs.kinds import KINDS
from studio.jobs.paths import DOWNLOADS
from studio.library.listed_sources import listed_source


class FetchRequest(BaseModel):
    """Only what a YAML file lists is downloaded, so whoever may submit runs cannot name any repository."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(max_length=90, title="Model", description="Id of a model whose file names a source on the Hub.")
    ticket: str = Field(
        default="", pattern=r"^([0-9a-f]{32})?$", title="Ticket", description="For a token that was handed over for this run."
    )

    @field_validator("model")
    @classmethod
    def _listed(cls, given: str, info: ValidationInfo) -> str:
        home = info.context.get("home") if isinstance(info.context, dict) else None
        if home is not None and listed_source(home, given).source.hub is None:
            raise ValueError(f"{given} is a place on this machine, so there is nothing to download.")
        return given


KINDS.add(
    "fetch_model",
    title="Download",
    config=FetchRequest,
    lane=DOWNLOADS,
    label=lambda request: f"download {request.model}",
    resumable=True,
    work="studio.capabilities.models.work:Fetching",
    gives=Fetched,
)
