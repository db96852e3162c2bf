"""`python -m studio …`: the page's actions as commands, with the same requests and the same run directories."""

from __future__ import annotations

import json
import runpy
import sqlite3
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from studio.capabilities.adapters.commands import app as adapters
from studio.capabilities.controlnets.commands import app as controlnets
from studio.capabilities.personalize.commands import app as subjects
from studio.capabilities.preference.commands import app as votes
from studio.cli.audit import audit
from studio.cli.drawing import compare, control, grid, scrub
from studio.cli.evaluate import evaluate
from studio.cli.jobs import app as background
from studio.cli.methods import methods
from studio.cli.models import app as models
from studio.cli.runs import app as runs
from studio.cli.space import app as space
from studio.cli.unlearn import unlearn
from studio.core.explain import explain
from studio.core.registry import problems
from studio.domains.media import image
from studio.library.stock import open_jobs

app = typer.Typer(
    name="studio",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Distillation Studio: compare teachers, their students and hybrids of the two.",
)
app.add_typer(runs, name="runs")
app.add_typer(background, name="jobs")
app.add_typer(models, name="models")
app.add_typer(adapters, name="adapters")
app.add_typer(controlnets, name="controlnets")
app.add_typer(subjects, name="subjects")
app.add_typer(votes, name="votes")
app.add_typer(space, name="space")
app.command()(compare)
app.command()(scrub)
app.command()(control)
app.command()(grid)
app.command()(methods)
app.command()(unlearn)
app.command()(audit)
app.command()(evaluate)
out, err = Console(), Console(stderr=True)

DataDir = Annotated[Path | None, typer.Option(help="Folder for everything you make.", envvar="STUDIO_DATA_DIR")]
PAGE = "studio.ui.serve"  # by its name: commands know no page
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def main() -> None:
    """Run the command line; a person's mistake is one sentence and exit status 2."""
    try:
        app()
    except (ValueError, OSError, sqlite3.Error) as error:
        err.print(explain(error), style="red", markup=False, highlight=False)
        raise SystemExit(2) from None
    finally:
        for sentence in problems():
            err.print(sentence, style="yellow", markup=False, highlight=False)


@app.command()
def status(data_dir: DataDir = None, lane: str = "interactive", as_json: AsJson = False) -> None:
    """Say what the worker of a lane is doing."""
    found = open_jobs(data_dir).status(lane)
    print(json.dumps(vars(found)) if as_json else f"{found.state}: {found.note}")


@app.command()
def inspect(file: Path, as_json: AsJson = False) -> None:
    """Show the run that a picture carries in itself."""
    run = image.read_run(file)
    if as_json:
        print(json.dumps(run, indent=1))
        return
    table = Table("field", "value", show_header=False)
    for name, value in {
        **run["request"],
        "arm": run.get("arm"),
        "seed": run.get("seed"),
        "nfe": run.get("nfe"),
    }.items():
        table.add_row(str(name)[:40], str(value)[:200])
    for model_id, about in _mapping(run.get("models")).items():
        table.add_row(str(model_id)[:80], f"weights {str(_mapping(about).get('hash'))[:12]}")
    out.print(table)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def serve(context: typer.Context) -> None:
    """Start the page; takes the same flags as app.py."""
    sys.argv = ["distillation-studio", *context.args]
    runpy.run_module(PAGE, run_name="__main__")


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
