"""Adapter files in and out, and adapters merged into a model: what the Control tab asks of a process that may open models."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from studio.capabilities.adapters.result import Handled
from studio.jobs.kinds import KINDS
from studio.library.adapter_uses import AdapterUse


class AdapterRequest(BaseModel):
    """One thing to do. import: file, name, model. export: adapter, layout, strip. merge: model, adapters, name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["import", "export", "merge"]
    adapter: str = Field(default="", max_length=80, title="Adapter", description="Id of the one to export.")
    model: str = Field(default="", max_length=90, title="Model", description="What a file is for, or what is merged into.")
    name: str = Field(default="", max_length=60, title="Name", description="Of what is made, listed as mine/<name>.")
    file: str = Field(default="", max_length=120, title="File", description="Name of a file in the data folder's uploads.")
    adapters: tuple[AdapterUse, ...] = Field(default=(), title="Adapters", description="To merge, with their strengths.")
    layout: Literal["diffusers", "peft", "kohya"] = "diffusers"
    strip: bool = Field(default=False, title="Strip", description="Leave prompts, settings, notes and the date out of the file.")

    @model_validator(mode="after")
    def _whole(self) -> AdapterRequest:
        needed = {"import": ("file", "name", "model"), "export": ("adapter",), "merge": ("model", "name", "adapters")}
        missing = [field for field in needed[self.action] if not getattr(self, field)]
        if missing:
            raise ValueError(f"To {self.action}, {' and '.join(missing)} must be given.")
        if self.file and (Path(self.file).name != self.file or self.file.startswith(".")):
            raise ValueError("A file is named as it lies in the data folder's uploads, without a path.")
        return self


def label(request: AdapterRequest) -> str:
    return f"{request.action} {request.adapter or request.name}"


KINDS.add(
    "adapter",
    title="Adapter",
    config=AdapterRequest,
    lane="interactive",
    label=label,
    work="studio.capabilities.adapters.work:AdapterWork",
    gives=Handled,
)
