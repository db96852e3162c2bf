"""`python -m studio unlearn …`: a concept forgotten by a model, from words alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from studio.capabilities.unlearn.request import UnlearnRequest
from studio.cli.jobs import execute
from studio.jobs.spec_file import fields
from studio.library.stock import open_jobs
from studio.library.training_fields import TEACHER

_FIELDS = UnlearnRequest.model_fields


def _help(name: str) -> str:
    return str(_FIELDS[name].description)


def unlearn(
    forget: Annotated[str, typer.Argument(help=_help("forget"))],
    base: Annotated[str, typer.Option("--model", help=_help("base"))] = TEACHER,
    becomes: Annotated[str, typer.Option(help=_help("becomes"))] = "",
    keep: Annotated[str, typer.Option(help=_help("keep"))] = "",
    method: Annotated[str, typer.Option(help=_help("method"))] = "",
    setting: Annotated[list[str] | None, typer.Option("--set", help="name=value of the method; can be repeated.")] = None,
    steps: Annotated[int, typer.Option(help=_help("steps"))] = _FIELDS["steps"].default,
    seed: Annotated[int, typer.Option(help=_help("seed"))] = 0,
    pictures: Annotated[int, typer.Option(help=_help("measure_seeds"))] = _FIELDS["measure_seeds"].default,
    name: Annotated[str, typer.Option(help="Of the adapter; made from the words where it is not said.")] = "",
    data_dir: Annotated[Path | None, typer.Option(help="Folder for everything you make.", envvar="STUDIO_DATA_DIR")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", envvar="STUDIO_DEVICE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Make a model forget a concept, and measure what is left of it and what that cost."""
    jobs = open_jobs(data_dir)
    request = {
        "name": name or _free(jobs.paths.root / "adapters" / "mine", forget), "base": base, "forget": forget, "becomes": becomes,
        "keep": keep, "method": method, "settings": fields(setting or [], "lr=0.001"), "steps": steps, "seed": seed,
        "measure_seeds": pictures,
    }  # fmt: skip
    execute(jobs, jobs.submit("unlearn", request), device, as_json)


def _free(folder: Path, forget: str) -> str:
    """no-cat, or no-cat-2 where that is taken."""
    stem = "no-" + (re.sub(r"[^a-z0-9]+", "-", forget.lower()).strip("-")[:30] or "concept")
    return next(name for n in range(1, 10_000) if not (folder / (name := stem if n == 1 else f"{stem}-{n}")).exists())
