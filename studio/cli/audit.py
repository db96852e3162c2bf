"""`python -m studio audit …`: how a concept that a model was made to forget can be brought back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from studio.capabilities.audit.page import NAMES, figure, ordered
from studio.capabilities.audit.request import AuditRequest
from studio.cli.jobs import execute
from studio.core.files import Json
from studio.library.stock import open_jobs
from studio.library.told_table import lay_out

_FIELDS = AuditRequest.model_fields
out = Console()


def _help(name: str) -> str:
    return str(_FIELDS[name].description)


def audit(
    adapter: Annotated[str, typer.Argument(help=_help("adapter"))],
    model: Annotated[str, typer.Option(help=_help("model"))] = "",
    never_saw: Annotated[str, typer.Option("--never-saw", help=_help("never_saw"))] = "",
    concept: Annotated[str, typer.Option(help=_help("concept"))] = "",
    attacks: Annotated[str, typer.Option(help=_help("attacks"))] = "",
    budget: Annotated[float, typer.Option(help=_help("budget"))] = _FIELDS["budget"].default,
    pictures: Annotated[int, typer.Option(help=_help("pictures"))] = _FIELDS["pictures"].default,
    seed: Annotated[int, typer.Option(help=_help("seed"))] = 0,
    html: Annotated[Path | None, typer.Option("--html", help="Also copy the report to this file.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for everything you make.", envvar="STUDIO_DATA_DIR")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", envvar="STUDIO_DEVICE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Attack a model that was made to forget, beside the original and a model that never saw the concept."""
    jobs = open_jobs(data_dir)
    request = {
        "adapter": adapter, "model": model, "never_saw": never_saw, "concept": concept, "attacks": attacks, "budget": budget,
        "pictures": pictures, "seed": seed,
    }  # fmt: skip
    run_id = jobs.submit("audit", request)
    execute(jobs, run_id, device, as_json)
    result = jobs.result(run_id)
    if result is None:
        return
    if html is not None:
        shutil.copyfile(jobs.artifact(run_id, result["report"]), html)
    if not as_json:
        _told(result)


def _told(result: Json) -> None:
    """The told row of every attack, and the verdict."""
    keys = [key for key in NAMES if key != "never_saw" or result["never_saw"]]
    rows = []
    for one in ordered(result["attacks"]):
        row = one["rows"][one["told"]]
        rows.append([one["title"], row["name"], *(figure(row.get(key)) for key in keys)])
    lay_out(["attack", "", *(NAMES[key] for key in keys)], rows, out)
    out.print(result["verdict"], markup=False, highlight=False)
