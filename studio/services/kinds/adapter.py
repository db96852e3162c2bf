"""Adapter files in and out, and adapters merged into a model: what the Control tab asks of a process that may open models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from studio.services.adapters import copies
from studio.services.hint_uses import uploads
from studio.services.kinds import KINDS
from studio.services.paths import Paths
from studio.services.uses import AdapterUse

if TYPE_CHECKING:
    from studio.services.run import Run


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


@KINDS.add("adapter", title="Adapter", config=AdapterRequest, lane="interactive", label=label)
def run(request: AdapterRequest, run: Run) -> dict[str, Any]:
    """{"id" of what was made, "said" sentences, "files" to download}."""
    from studio.services import adapter_moves

    paths = Paths(run.folder.parents[1])
    run.state("running")
    if request.action == "import":
        copy = copies(paths) / request.file
        file = copy if copy.is_file() else uploads(paths) / request.file
        try:
            made, said = adapter_moves.import_file(paths, run.registry, file, request.name, request.model, run.models)
        finally:
            copy.unlink(missing_ok=True)
        return {"id": made, "said": [f"It is listed as {made}.", *said], "files": []}
    if request.action == "merge":
        made = adapter_moves.merge_into(paths, run.registry, request.model, request.adapters, request.name, run.models)
        return {"id": made, "said": [f"The model is listed as {made}."], "files": []}
    name = request.adapter.replace("/", "-")
    target = run.folder / "artifacts" / (f"{name}-peft" if request.layout == "peft" else f"{name}.safetensors")
    target.parent.mkdir(parents=True, exist_ok=True)
    found = adapter_moves.export_file(paths, run.registry, request.adapter, target, request.layout, request.strip, run.models)
    files = [str(file.relative_to(run.folder)) for file in found]
    return {"id": request.adapter, "said": [f"{request.adapter} in the {request.layout} layout."], "files": files}
