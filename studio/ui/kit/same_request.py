"""Whether what is asked for was drawn before: a finished run of the very same request, with the weights there are now."""

from __future__ import annotations

from pathlib import Path

from studio.core.files import Json
from studio.jobs.info import RunInfo
from studio.jobs.jobs import Jobs
from studio.library.adapters import load_adapters
from studio.library.models import load_registry
from studio.library.provenance import changed_models, hashes
from studio.ui.kit.runs import when

LOOKED_AT = 60  # runs, the newest; what is older is drawn anew
BROUGHT = ("hints", "references", "controlnet", "additions")  # files from elsewhere may have become others


def finished(jobs: Jobs, kind: str, asked: Json) -> RunInfo | None:
    """The newest finished run of this request; None where there is none, or what it was drawn with has changed since.
    ValueError where the request does not fit."""
    wanted = jobs.validate(kind, asked).model_dump(mode="json")
    if any((wanted.get("draw") or wanted).get(name) or wanted.get(name) for name in BROUGHT):
        return None
    for info in jobs.list(kind=kind, states=("done",), limit=LOOKED_AT):
        try:
            if jobs.spec(info.id).config == wanted and _as_it_was(jobs, info, wanted):
                return info
        except (ValueError, OSError):
            continue  # a folder that somebody edited or deleted
    return None


def said(info: RunInfo) -> str:
    return f"These pictures are there already: drawn {when(info.created)} by the same request."


def _as_it_was(jobs: Jobs, info: RunInfo, wanted: Json) -> bool:
    """Whether models and adapters are those that the run was drawn with."""
    made = {name: about for name, about in ((jobs.result(info.id) or {}).get("models") or {}).items() if isinstance(about, dict)}
    if changed_models(made, hashes(made, load_registry(jobs.paths), jobs.paths.hashes)):
        return False
    uses = [*((wanted.get("draw") or wanted).get("adapters") or []), *filter(None, [wanted.get("vary")])]
    entries = load_adapters(jobs.paths).entries
    worn = [entries.get(str(use.get("id"))) for use in uses]
    return all(entry is not None and _newest(entry.folder) <= info.created for entry in worn)


def _newest(folder: Path) -> float:
    return max((path.stat().st_mtime for path in folder.rglob("*") if path.is_file()), default=0.0)
